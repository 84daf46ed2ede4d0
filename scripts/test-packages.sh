#!/bin/sh
# Installs the packages that tests use, once, so that tests themselves need no network: each folder of test/installed by
# its lock file, and Node for i386 from Debian. Where that fails the tests that need it are skipped, and say so.
#   LIBUSDT_TEST_PACKAGES  where they live (default: libusdt-test-packages in the user's cache folder)
set -eu
cd "$(dirname "$0")/.."
packages=${LIBUSDT_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-test-packages}
mkdir -p "$packages"
# Several may ask at once: the first installs, the others wait for it.
exec 9>"$packages/lock"
flock 9

install() {
  folder=$packages/$1 lock=test/installed/$1/package-lock.json
  cmp -s "$lock" "$folder/installed" && return
  rm -rf "$folder"
  mkdir "$folder"
  cp "test/installed/$1/package.json" "$lock" "$folder"
  # --force: some of the runtimes are for other processors and systems than this machine's.
  if npm ci --prefix "$folder" --force --ignore-scripts --no-audit --no-fund --loglevel=error >"$folder/log" 2>&1 9>&-
  then cp "$lock" "$folder/installed"
  else echo "test-packages.sh: npm can't install $lock here: $(grep -m 1 . "$folder/log")" >&2
  fi
}

for set in test/installed/*/; do install "$(basename "$set")" & done
if [ "$(id -u)" = 0 ] && [ -e /proc/sys/abi/vsyscall32 ]; then sh scripts/node-i386.sh "$packages/node-i386" || true; fi
wait
