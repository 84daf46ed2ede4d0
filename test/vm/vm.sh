#!/bin/sh
# A throw-away virtual machine with the newest Debian kernel, bpftrace, DTrace and Node, for the tests in this folder.
#
#   vm.sh build            makes the image, unless it is there (root, debootstrap, e2fsprogs; some minutes)
#   vm.sh run DIR CMD...   boots it, copies the folder DIR to /job in the guest, runs `bash -c "CMD..."` there,
#                          and passes on its standard output, standard error and exit status
#   vm.sh versions         names the versions of what the guest has
#
#   LIBUSDT_VM_DIR     where the image lives (default: libusdt-vm in the user's cache folder)
#   LIBUSDT_VM_MIRROR  the Debian mirror to build from (default: the one apt uses on this machine)
#   LIBUSDT_VM_SECONDS limit for one run (default 1800); the status is then 124
#
# Nothing that runs in the guest survives: each run writes to a private copy of the image, so several may run at
# once. QEMU emulates the processor (TCG): it needs no /dev/kvm, and its kernel is Debian's own.
# Status 125: the machine itself failed; the end of its console is then on standard error.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
image=${LIBUSDT_VM_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/libusdt-vm}
fail() { echo "vm.sh: $*" >&2; exit 125; }

ensure_image() {
  mkdir -p "$image"
  # One builder; whoever comes while it builds waits.
  flock "$image/lock" sh "$here/build.sh" "$image" >&2 || fail "the image could not be built"
}

run() {
  folder=$1
  shift
  [ -d "$folder" ] || fail "no folder $folder"
  command -v qemu-system-x86_64 >/dev/null || fail "qemu-system-x86_64 is not installed"
  work=$(mktemp -d "${TMPDIR:-/tmp}/libusdt-vm-XXXXXX")
  machine=
  # shellcheck disable=SC2154 # set by the trap itself
  trap 'status=$?; trap - EXIT; [ -z "$machine" ] || kill -TERM "$machine" 2>/dev/null || :; rm -rf "$work"; exit "$status"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP

  printf '%s\n' "$*" >"$work/command"
  # The guest reads the tar file as a disk, so it must fill whole sectors.
  tar -C "$work" --owner=0 --group=0 -cf "$work/job.tar" command
  tar -C "$folder" --owner=0 --group=0 --transform='flags=r;s,^\.,job,' --append -f "$work/job.tar" .
  truncate --size=%4096 "$work/job.tar"
  : >"$work/status"

  # One processor: with more, emulation loses a race in the kernel's patching of its own text now and then.
  timeout --foreground --kill-after=5 "${LIBUSDT_VM_SECONDS:-1800}" qemu-system-x86_64 \
    -nodefaults -no-user-config -no-reboot -display none -monitor none \
    -accel tcg,tb-size=512 -cpu Nehalem -smp 1 -m 3072 \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "console=ttyS0 quiet panic=-1 oops=panic nokaslr mitigations=off audit=0 apparmor=0 lsm=capability cryptomgr.notests no_timer_check tsc=reliable random.trust_cpu=on" \
    -serial "file:$work/console" \
    -drive "file=$image/root.img,if=virtio,format=raw,snapshot=on,cache=unsafe" \
    -drive "file=$work/job.tar,if=virtio,format=raw,readonly=on" \
    -device virtio-serial-pci \
    -chardev "file,id=out,path=$work/out" -device virtserialport,chardev=out,name=out \
    -chardev "file,id=err,path=$work/err" -device virtserialport,chardev=err,name=err \
    -chardev "file,id=status,path=$work/status" -device virtserialport,chardev=status,name=status \
    </dev/null >"$work/qemu" 2>&1 &
  machine=$!
  ended=0
  wait "$machine" || ended=$?
  machine=
  [ ! -e "$work/out" ] || cat "$work/out"
  [ ! -e "$work/err" ] || cat "$work/err" >&2
  status=$(cat "$work/status")
  [ -n "$status" ] && exit "$status"
  echo "vm.sh: the guest gave no status (QEMU ended with $ended); its console:" >&2
  { cat "$work/qemu"; tail -n 25 "$work/console" || :; } >&2
  [ "$ended" = 124 ] && exit 124
  exit 125
}

case ${1:-} in
  build) ensure_image ;;
  versions) cat "$image/versions" ;;
  run)
    [ $# -ge 3 ] || fail "usage: vm.sh run DIR CMD..."
    shift
    ensure_image
    run "$@"
    ;;
  *)
    sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
    ;;
esac
