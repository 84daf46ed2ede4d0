#!/bin/sh
# Runs every *.test.ts under packages/ and test/ with Node's own test runner. Arguments are passed to it. Those of
# test/vm are for `npm run test:vm`: building their virtual machine takes minutes.
# Usage: test.sh [--unit] [ARGUMENTS...]    --unit: only tests that start no program, and need no root and no network
set -eu
cd "$(dirname "$0")/.."
# A test file is a unit test if it does not import what starts programs. They run together, in two processes.
starts="node:child_process|test/support/(processes|projects|registry|runtimes|tracers|usdt)\.ts"
starts="$starts|'\.\./support/(processes|projects|registry|runtimes|tracers|usdt)\.ts"
files=$(find packages/*/test test -path test/vm -prune -o -name '*.test.ts' -print 2>/dev/null | sort)
# shellcheck disable=SC2086 # one word per file: no test file has a space in its name
UNIT_TESTS=$(grep -LE "$starts" $files)
export UNIT_TESTS
others=
if [ "${1:-}" = --unit ]; then
  shift
  export LIBUSDT_TEST_UNIT=1
else
  sh scripts/test-packages.sh
  # shellcheck disable=SC2086
  others=$(grep -lE "$starts" $files)
fi
# Tests need no network now. Where more certificates are named Node 20 reads them at each start: that doubles its time.
unset NODE_EXTRA_CA_CERTS
# Most others wait for the kernel, or for programs: one process for each processor, where Node leaves one processor free.
# shellcheck disable=SC2086
exec node --expose-gc --import tsx --test --test-reporter=spec --test-concurrency="$(nproc)" "$@" \
  test/unit/libusdt.ts test/unit/others.ts $others
