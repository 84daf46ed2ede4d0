#!/bin/sh
# gdb shows no SDT probe of a file that has no section .stapsdt.base. bpftrace lists it, and readelf shows its note.
#
# An SDT note carries the address that .stapsdt.base had at link time, so that readers notice when a file was moved
# (prelinked) since. A note with 0 there looks like "never moved" and is complete: readelf and bpftrace take it. gdb
# looks for the section first, and ignores the notes, without a word, if there is none. <sys/sdt.h> always makes it;
# assemblers, linkers' --gc-sections and generators of object files may not.
#
# Seen with gdb 13.1, bpftrace 0.17.0 and readelf 2.40 of Debian 12, on x86-64. Needs these, and gcc. Not root.
set -eu
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
gdb --version | head -1; bpftrace --version; readelf --version | head -1

program() { # NAME, THE NOTE'S BASE, MORE ASSEMBLER
  cat > "$1.s" <<S
        .text
        .globl  main
main:   xorl    %eax, %eax
site:   nop
        ret
        .section .note.stapsdt,"","note"
        .balign 4
        .4byte  8, 2f - 1f, 3
        .asciz  "stapsdt"
1:      .8byte  site, $2, 0
        .asciz  "demo"
        .asciz  "hit"
        .asciz  "-4@%eax"
2:      .balign 4
        $3
        .section .note.GNU-stack,"",@progbits
S
  gcc -no-pie -o "$1" "$1.s"
}
program with base '.section .stapsdt.base,"a",@progbits
base:   .space 1'
program without 0 ''

failed=0
check() { # WHAT, EXPECTED COUNT, COMMAND...
  what=$1 expected=$2; shift 2
  "$@" > log 2>&1 || true
  seen=$(grep -cE 'demo[: ]+hit|Name: hit' log || true)
  echo "$what: $seen"
  [ "$seen" = "$expected" ] || { echo "  changed; it was: $expected"; cat log; failed=1; }
}
check 'gdb, with .stapsdt.base' 1 gdb -nx -batch -ex 'info probes stap' ./with
check 'gdb, without' 0 gdb -nx -batch -ex 'info probes stap' ./without
check 'readelf, without' 1 readelf -n ./without
[ "$(id -u)" != 0 ] || check 'bpftrace, without (as root)' 1 bpftrace -l 'usdt:./without:*'
exit $failed
