#!/bin/sh
# Installs what package-lock.json names, once: npm itself leaves .package-lock.json behind when it has finished.
# Without scripts: nothing here needs one, and dtrace-provider would look for a compiler.
set -eu
cd "$(dirname "$0")/.."
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
