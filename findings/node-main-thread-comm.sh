#!/bin/sh
# The main thread of Node is called "node" up to version 22, "MainThread" in 24, and "node-MainThread" in 26.
#
# The name is what ps, top, pgrep and killall match, and what tracers show: `comm` in bpftrace and perf. It is that of
# the main thread, so of the process. A filter such as `/comm == "node"/` matches nothing from Node 24 on.
# (`process.title` sets it. Reading that tells the command line, not the name.)
#
# Seen with the npm packages node@20.20.2, 22.23.3, 24.21.0 and 26.10.0, on Linux x86-64. Needs: npm.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
failed=0
check() { # VERSION, EXPECTED
  npm install --silent --no-audit --no-fund --prefix "$1" "node@$1"
  seen=$("$1/node_modules/.bin/node" -p 'fs.readFileSync(`/proc/${process.pid}/comm`, "utf8").trim()')
  echo "node $1: $seen"
  [ "$seen" = "$2" ] || { echo "  changed; it was: $2"; failed=1; }
}
check 20.20.2 node
check 22.23.3 node
check 24.21.0 MainThread
check 26.10.0 node-MainThread
exit $failed
