#!/bin/sh
# Installs the packages that tests use, once, so that tests themselves need no network: each folder of test/installed by
# its lock file, and Node for i386 from Debian. Where that fails the tests that need it are skipped, and say so.
#   LIBUSDT_TEST_PACKAGES  where they live (default: libusdt-test-packages in the user's cache folder)
set -eu
cd "$(dirname "$0")/.."
packages=${LIBUSDT_TEST_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-test-packages}
node_i386() { [ "$(id -u)" = 0 ] && [ -e /proc/sys/abi/vsyscall32 ]; }
is_installed() { cmp -s "test/installed/$1/package-lock.json" "$packages/$1/installed"; }
missing=
for folder in test/installed/*/; do is_installed "$(basename "$folder")" || missing="$missing $(basename "$folder")"; done
recipe=$(sha256sum <scripts/node-i386.sh)
if [ -z "$missing" ] && { ! node_i386 || [ "$(cat "$packages/node-i386/installed" 2>/dev/null)" = "$recipe" ]; }; then exit; fi

mkdir -p "$packages"
# Several may ask at once: the first installs, the others wait for it.
exec 9>"$packages/lock"
flock 9

install() {
  is_installed "$1" && return
  folder=$packages/$1 lock=test/installed/$1/package-lock.json
  rm -rf "$folder"
  mkdir "$folder"
  cp "test/installed/$1/package.json" "$lock" "$folder"
  # --force: some of the runtimes are for other processors and systems than this machine's.
  if npm ci --prefix "$folder" --force --ignore-scripts --no-audit --no-fund --loglevel=error >"$folder/log" 2>&1 9>&-
  then cp "$lock" "$folder/installed"
  else echo "test-packages.sh: npm can't install $lock here: $(grep -m 1 . "$folder/log")" >&2
  fi
}

for name in $missing; do install "$name" & done
if node_i386; then sh scripts/node-i386.sh "$packages/node-i386" || true; fi
wait
