#!/usr/bin/env bash
# Installs every tracer and reader of the distribution that a test knows. It says what it installs, and asks. Debian or a
# relative, as root.
# Usage: tools.sh [--yes]     --yes: don't ask; nor does it with CI=true, or where nobody could answer
set -euo pipefail

ask=true
[ "${1:-}" != --yes ] || { ask=false; shift; }
[ $# = 0 ] || { echo "usage: tools.sh [--yes]" >&2; exit 2; }
[ "${CI:-}" != true ] || ask=false
[ -t 0 ] || ask=false

command -v apt-get >/dev/null || { echo "tools.sh: there is no apt-get, and it knows Debian's packages only" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "tools.sh: run it as root, to install packages" >&2; exit 2; }

packages=(
  # Tracers, and a C program with <sys/sdt.h> to compare with.
  bpftrace bpfcc-tools python3-bpfcc gdb linux-perf systemtap systemtap-sdt-dev tmux
  # What bcc's own scripts are compiled against.
  "linux-headers-$(dpkg --print-architecture)"
  # Who reads what `usdt` writes: jq, Prometheus, and the compiler and verifier that ebpf_exporter's programs go through.
  jq prometheus clang libbpf-dev bpftool
  # Independent readers of object files.
  binutils elfutils llvm binutils-aarch64-linux-gnu python3-macholib
  # Other architectures and C libraries.
  gcc libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross qemu-user-static musl-tools
  gcc-i686-linux-gnu libc6-dev-i386-cross
  # What the newest Node that the tests download is linked with.
  libatomic1
  # File systems that containers use, and a program with probes that wrappers start.
  bindfs fuse-overlayfs btrfs-progs php-cli
  # The virtual machine with the newest kernel, bpftrace and DTrace, and the bare Debian.
  qemu-system-x86 debootstrap e2fsprogs
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "== apt-get install ${missing[*]}"
  if [ "$ask" = true ]; then
    read -r -p "Install these ${#missing[@]} packages? [y/N] " answer
    case $answer in [yY]*) ;; *) echo "nothing was installed" >&2; exit 1 ;; esac
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
