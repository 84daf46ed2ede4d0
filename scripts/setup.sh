#!/bin/sh
# Installs what package-lock.json names, once: npm itself leaves .package-lock.json behind when it has finished.
# Not with `npm ci`, which refuses a lock file without the optional packages of other platforms (npm/cli#4828).
set -eu
cd "$(dirname "$0")/.."
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm install --no-save --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
