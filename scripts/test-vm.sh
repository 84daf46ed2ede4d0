#!/bin/sh
# Runs the tests in the virtual machine with the newest kernel, bpftrace and DTrace. Arguments are passed to the test runner.
set -eu
cd "$(dirname "$0")/.."
exec node --import tsx --test --test-reporter=spec "$@" test/vm/*.test.ts
