#!/bin/sh
# Installs Debian's Node for i386, the last one that is kept for 32-bit x86, and the libraries that it needs, once, into
# the folder root/ of the given one. Nothing of the system is changed: apt works on lists and a cache in that folder.
# Usage: node-i386.sh FOLDER
set -eu
folder=$1
recipe=$(sha256sum <"$0")
mkdir -p "$folder"
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$recipe" ]; then
  rm -rf "$folder/installed" "$folder/root" "$folder/apt"
  # What apt itself installs from, in whatever file and format that is written.
  mirror=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" { print $2; exit }')
  [ -n "$mirror" ] || { echo "node-i386.sh: apt names no Debian mirror here" >&2; exit 1; }
  mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
  : >"$folder/apt/status"
  apt() {
    apt-get -qq -o Dir::State="$folder/apt/state" -o Dir::State::status="$folder/apt/status" \
      -o Dir::Cache="$folder/apt/cache" -o Dir::Etc::sourcelist="$folder/apt/sources" -o Dir::Etc::sourceparts=/dev/null \
      -o APT::Architecture=i386 -o APT::Architectures=i386 -o Acquire::Languages=none -o APT::Sandbox::User= "$@" >&2
  }
  # Two names of one suite: mirrors have moments in which the files of one do not fit together.
  for suite in trixie stable; do
    echo "deb [arch=i386] $mirror $suite main" >"$folder/apt/sources"
    if apt update && apt install -y --no-install-recommends --download-only nodejs; then break; fi
  done
  for package in "$folder"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
  done
  rm -rf "$folder/apt"
  sh "$(dirname "$0")/../test/runtimes/node-i386.sh" "$folder/root" -e 0
  echo "$recipe" >"$folder/installed"
fi
