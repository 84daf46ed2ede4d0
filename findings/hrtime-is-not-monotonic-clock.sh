#!/bin/sh
# process.hrtime() is the system's CLOCK_MONOTONIC on Node. On Bun and Deno it is not: it counts from about the
# process' start.
#
# Node's documentation calls the origin arbitrary, and on Linux it happens to be that of CLOCK_MONOTONIC. So programs
# compare it with times that the kernel or BPF (`nsecs`) took. Under Bun and Deno such differences are wrong by the
# machine's uptime.
#
# Seen with the npm packages node@26.10.0, bun@1.4.5, deno@2.9.6, on Linux x86-64. Needs: npm; Linux that runs for more
# than a minute.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > /dev/null
npm install --silent --no-audit --no-fund node@26.10.0 bun@1.4.5 deno@2.9.6

cat > clock.mjs <<'JS'
import { readFileSync } from 'node:fs';
// /proc/uptime is CLOCK_BOOTTIME, which is CLOCK_MONOTONIC and the time that the machine was suspended.
const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
const seconds = Number(process.hrtime.bigint()) / 1e9;
console.log(Math.abs(uptime - seconds) < 2 ? 'since boot' : seconds < 5 ? 'since the start' : `${seconds} of ${uptime}`);
JS

failed=0
check() { # NAME, EXPECTED, COMMAND...
  name=$1 expected=$2; shift 2
  seen=$("$@")
  echo "$name: hrtime counts $seen"
  [ "$seen" = "$expected" ] || { echo "  changed; it was: $expected"; failed=1; }
}
check 'node 26.10.0' 'since boot' node_modules/.bin/node clock.mjs
check 'bun 1.4.5' 'since the start' node_modules/.bin/bun clock.mjs
check 'deno 2.9.6' 'since the start' node_modules/.bin/deno run -A clock.mjs
exit $failed
