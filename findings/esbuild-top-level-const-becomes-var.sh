#!/bin/sh
# esbuild turns each top-level `const` of a bundle into a `var`, and V8 does not take a variable for a constant.
#
# V8 compiles the value of a module's `const` into the code that uses it. A `var` it loads and checks each time. Where a
# function is called hundreds of millions of times a second that is a measurable part of it; elsewhere it is not.
# esbuild has no option for it; rollup keeps `const`.
#
# Seen with esbuild 0.28.2 and rollup 4.62.2. Needs: npm and the network. Installs both into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --loglevel=error esbuild@0.28.2 rollup@4.62.2 >/dev/null
echo 'const limit = 12; export const below = (n) => n < limit;' > module.mjs
npx esbuild module.mjs --bundle --format=esm > esbuild.mjs
npx rollup module.mjs --format es --silent > rollup.mjs
for tool in esbuild rollup; do echo "$tool: $(grep -o '^[a-z]* limit' $tool.mjs)"; done
[ "$(grep -c '^var limit' esbuild.mjs) $(grep -c '^const limit' rollup.mjs)" = '1 1' ] || { echo 'changed: it was var with esbuild, and const with rollup'; exit 1; }
