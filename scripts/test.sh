#!/bin/sh
# Runs every *.test.ts under packages/ and test/ with Node's own test runner. Arguments are passed to it. Those of
# test/vm are for `npm run test:vm`: building their virtual machine takes minutes.
set -eu
cd "$(dirname "$0")/.."
sh scripts/test-packages.sh
files=$(find packages/*/test test -path test/vm -prune -o -name '*.test.ts' -print 2>/dev/null | sort)
# shellcheck disable=SC2086 # one word per file: no test file has a space in its name
exec node --expose-gc --import tsx --test --test-reporter=spec "$@" $files
