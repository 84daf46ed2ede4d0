#!/bin/sh
# Runs all benchmarks, or those that are named; with --smoke only shows that each still yields numbers. Needs a C compiler, and for the traced
# part root, bpftrace and <sys/sdt.h> (Debian: gcc bpftrace systemtap-sdt-dev). `npm run bench` builds the library first.
set -eu
cd "$(dirname "$0")"
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  # Without scripts: dtrace-provider then is the stub that it is on most machines, and nothing is compiled or downloaded.
  npm ci --ignore-scripts --workspaces=false --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
exec node run.mjs "$@"
