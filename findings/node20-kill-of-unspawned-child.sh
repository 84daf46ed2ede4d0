#!/bin/sh
# Node 20: kill() of a child that could not be started signals the caller's own process group.
#
# `spawn()` of a program that does not exist gives a ChildProcess without a pid, and an 'error' event. On Node 20,
# kill() of that object returns true, and the signal goes to every process of the caller's group: to the shell
# script or the npm that started Node, too. Node 22, 24 and 26 return false and signal nobody.
#
# Seen with the npm packages node@20.20.2, 22.23.3, 24.21.0 and 26.10.0, on Linux x86-64.
# So call kill() only on a child whose `pid` is not undefined.
#
# Needs: npm, util-linux (setsid). Each Node runs in a session of its own, so that no other process gets the signal.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"

cat > kill.js <<'JS'
const { spawn } = require('node:child_process');
let signalled = false;
process.on('SIGUSR2', () => { signalled = true; });
const child = spawn('/no/such/program');
child.on('error', () => {});
const returned = child.kill('SIGUSR2');
setTimeout(() => console.log(`kill() returned ${returned}; the caller was ${signalled ? '' : 'not '}signalled`), 300);
JS

failed=0
check() { # VERSION, EXPECTED LINE
  npm install --silent --no-audit --no-fund --prefix "$1" "node@$1"
  setsid -w "$1/node_modules/.bin/node" kill.js > seen
  echo "node $1: $(cat seen)"
  [ "$(cat seen)" = "$2" ] || { echo "  changed; it was: $2"; failed=1; }
}
check 20.20.2 'kill() returned true; the caller was signalled'
check 22.23.3 'kill() returned false; the caller was not signalled'
check 24.21.0 'kill() returned false; the caller was not signalled'
check 26.10.0 'kill() returned false; the caller was not signalled'
exit $failed
