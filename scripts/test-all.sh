#!/bin/sh
# Runs all tests with all tools: installs these (tools.sh says what, and asks), and counts one that is missing or broken
# as a failure, where `npm test` skips. As root. Arguments are passed to tools.sh.
set -eu
cd "$(dirname "$0")/.."
bash scripts/tools.sh "$@"
LIBUSDT_TEST_ALL=1 exec sh scripts/test.sh
