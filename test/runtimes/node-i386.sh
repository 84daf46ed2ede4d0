#!/bin/sh
# node-i386.sh ROOT ARGUMENTS...: runs the Node that scripts/node-i386.sh installed below ROOT.
# Debian's reads a part of itself from /usr/share/nodejs, so it gets a /usr/share of its own; all else is the system's.
# LIBUSDT_PRELOAD names a library of i386 that is loaded before all others.
set -eu
root=$1
shift
export LIBUSDT_LIBRARIES="$root/usr/lib/i386-linux-gnu"
exec unshare --mount sh -c '
  mount --bind "$0/usr/share" /usr/share
  exec "$LIBUSDT_LIBRARIES/ld-linux.so.2" --library-path "$LIBUSDT_LIBRARIES" ${LIBUSDT_PRELOAD:+--preload "$LIBUSDT_PRELOAD"} \
    "$0/usr/bin/node" "$@"' "$root" "$@"
