#!/bin/sh
# Runs the tests in the virtual machine with the newest kernel, bpftrace and DTrace. Arguments are passed to the test runner.
set -eu
cd "$(dirname "$0")/.."
sh scripts/test-packages.sh
# Tests install nothing: the image is made before them. If that fails they say so.
if [ "$(id -u)" = 0 ] && command -v qemu-system-x86_64 >/dev/null; then sh test/vm/vm.sh build || true; fi
unset NODE_EXTRA_CA_CERTS
exec node --import tsx --test --test-reporter=spec "$@" test/vm/*.test.ts
