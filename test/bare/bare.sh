#!/usr/bin/env bash
# The README's two commands on a bare Debian: `npm run demo` shows events to root, and tells others how to get them;
# `npm test` has no failure, and for root no more than a tenth of the tests is skipped.
# Usage: bare.sh root|user
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
who=$1
as=()
[ "$who" = root ] || as=(--user)
output=$(mktemp)
trap 'rm -f "$output"' EXIT

fail() {
  echo "bare.sh: as $who: $*" >&2
  exit 1
}

# The demo must end well before npm test starts.
bash "$here/../../scripts/bare-debian.sh" "${as[@]}" \
  'npm run demo && echo "== the demo ended well" && npm test' >"$output" 2>&1 || {
  sed -n '/failing tests:/,$p' "$output"
  tail -n 40 "$output"
  fail "npm run demo or npm test failed"
}
demo=$(sed '/^== the demo ended well$/q' "$output")
echo "$demo"
if [ "$who" = root ]; then
  # A line of usdt trace: the time, process and thread, the probe, and its arguments.
  grep -qE 'webapp:request-(start|done).*/hello/world' <<<"$demo" || fail "the demo shows no event"
else
  # The explanation, and the one command to try next.
  grep -qE "^ +(sudo|su -c) .*npm run demo" <<<"$demo" || fail "the demo does not say how to see the events"
fi

count() { sed -n "s/^ℹ $1 //p" "$output"; }
tests=$(count tests) skipped=$(count skipped)
grep '# needs' "$output" | sed 's/.*# //' | sort | uniq -c | sort -rn
echo "as $who: $tests tests, $(count fail) failed, $skipped skipped"
[ "$(count fail)" = 0 ] || fail "tests failed"
[ "$who" != root ] || [ $((10 * skipped)) -le "$tests" ] || fail "more than a tenth of the tests was skipped"
