#!/bin/sh
# Installs the package managers, bundlers and checkers that test/packages uses, once, into a folder of their own, and
# prints it: LIBUSDT_PACKAGING_TOOLS, else libusdt-packaging-tools in the user's cache folder.
set -eu
cd "$(dirname "$0")/../test/packages/tools"
folder=${LIBUSDT_PACKAGING_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-packaging-tools}
mkdir -p "$folder"
# Several may ask at once: the first installs, the others wait for it.
exec 9>"$folder/lock"
flock 9
if ! cmp -s package-lock.json "$folder/installed"; then
  rm -f "$folder/installed"
  cp package.json package-lock.json "$folder"
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 9>&-)
  cp package-lock.json "$folder/installed"
fi
echo "$folder"
