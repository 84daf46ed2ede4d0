#!/bin/sh
# npm 10 writes lock files that `npm ci` of npm 11.19 refuses: optional packages for other platforms are missing in them.
#
# Native packages depend optionally on one package for each platform, and npm installs the one that fits. When npm 10
# writes a lock file anew while node_modules is there, it writes what is in node_modules: only this platform's package.
# `npm ci` of npm 10 and 11.6 takes that. That of 11.19 ends with "Missing: ... from lock file".
# So remove node_modules together with package-lock.json before you make a new one, whichever npm you have.
#
# Seen with npm 10.9.4, 11.6.0, 11.19.1 and @biomejs/biome 2.6.8 (ten platforms), on Linux x86-64. Needs: npm, Node 20.17 or later.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
for version in 10.9.4 11.6.0 11.19.1; do
  npm install --silent --no-audit --no-fund --prefix "npm-$version" "npm@$version"
done
mkdir project; cd project
echo '{ "private": true, "devDependencies": { "@biomejs/biome": "2.6.8" } }' > package.json
run() { version=$1; shift; node "../npm-$version/node_modules/npm/bin/npm-cli.js" "$@"; }
platforms() { grep -c '"node_modules/@biomejs/cli-' package-lock.json; }

run 10.9.4 install --silent --no-audit --no-fund
first=$(platforms)
rm package-lock.json
run 10.9.4 install --silent --no-audit --no-fund
second=$(platforms)
echo "npm 10.9.4 writes: $first platforms; again, with node_modules there: $second"

failed=0
[ "$first" = 10 ] && [ "$second" = 1 ] || { echo '  changed; it was: 10, 1'; failed=1; }
check() { # VERSION, EXPECTED
  if run "$1" ci --silent --no-audit --no-fund > log 2>&1; then seen=takes; else seen=refuses; fi
  echo "npm ci of $1 $seen that"
  [ "$seen" = "$2" ] || { echo "  changed; it was: $2"; failed=1; }
}
check 10.9.4 takes
check 11.6.0 takes
check 11.19.1 refuses
exit $failed
