#!/bin/sh
# OpenTelemetry for JavaScript: the newest @opentelemetry/sdk-metrics and the newest @opentelemetry/sdk-trace-base can't be
# installed together.
#
# sdk-metrics went on to 3.x, which asks for @opentelemetry/api 1.10 or later. sdk-trace-base ended with 2.x, which
# asks for an api before 1.10. npm refuses to install both (ERESOLVE). The package that goes with sdk-metrics 3 is
# @opentelemetry/sdk-trace: a package of another name.
#
# Seen with @opentelemetry/sdk-metrics 3.1.1, sdk-trace-base 2.12.1, sdk-trace 3.1.1. Needs: npm 7 or later. Nothing is run.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{ "private": true }' > package.json
resolve() { npm install --package-lock-only --no-audit --no-fund --loglevel=error "$@" > log 2>&1; }

if resolve @opentelemetry/api@1 @opentelemetry/sdk-metrics@3.1.1 @opentelemetry/sdk-trace-base@2.12.1; then
  echo 'changed: npm takes sdk-metrics 3.1.1 and sdk-trace-base 2.12.1'; exit 1
fi
grep -q ERESOLVE log || { echo 'changed: npm says'; cat log; exit 1; }
echo 'sdk-metrics 3.1.1 and sdk-trace-base 2.12.1: ERESOLVE'
echo '{ "private": true }' > package.json; rm -f package-lock.json
resolve @opentelemetry/api@1 @opentelemetry/sdk-metrics@3.1.1 @opentelemetry/sdk-trace@3.1.1 || { echo 'changed:'; cat log; exit 1; }
echo 'sdk-metrics 3.1.1 and sdk-trace 3.1.1: resolved'
