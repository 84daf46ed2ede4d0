#!/bin/sh
# perf prints negative integers of 1 and 2 bytes in uprobe events as if they were unsigned.
#
# A uprobe event's argument of type s8 with the value -1 is recorded right: the kernel's own trace file shows -1, and
# the event's format says `signed:1`. `perf script` prints 255, and 65534 for an s16 of -2. An s32 and an s64 are
# printed right. So declare arguments as 32 bits wide at least if perf shall show them.
#
# Seen with perf 6.1.192 of Debian 12 on Linux 6.18, x86-64. Needs: root, gcc, perf, tracefs at /sys/kernel/tracing.
# Defines one uprobe event, and removes it again.
set -eu
cd /sys/kernel/tracing && [ -e uprobe_events ] || { echo 'needs tracefs: mount -t tracefs tracefs /sys/kernel/tracing'; exit 1; }
group=finding_$$ folder=$(mktemp -d) instance=instances/finding_$$
cleanup() {
  cd /sys/kernel/tracing
  echo 0 > "$instance/events/$group/hit/enable" || :
  rmdir "$instance" || :
  echo "-:$group/hit" >> uprobe_events || :
  rm -rf "$folder"
}
trap cleanup EXIT
cat > "$folder/program.c" <<'C'
__attribute__((noinline)) void hit(long a, long b, long c, long d) { __asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d)); }
int main(void) { hit(-1, -2, -3, -4); return 0; }
C
gcc -O1 -no-pie -o "$folder/program" "$folder/program.c"
# The executable segment of such a program is mapped at 0x400000 above its offset in the file.
offset=$(printf '0x%x' $((0x$(nm "$folder/program" | awk '$3 == "hit" { print $1 }') - 0x400000)))
echo "p:$group/hit $folder/program:$offset a=%di:s8 b=%si:s16 c=%dx:s32 d=%cx:s64" >> uprobe_events

perf --version
mkdir "$instance"
echo 1 > "$instance/events/$group/hit/enable"
"$folder/program"
echo 0 > "$instance/events/$group/hit/enable"
perf record -q -o "$folder/data" -e "$group:hit" -- "$folder/program"
kernel=$(sed -n 's/.*\(a=.*\)/\1/p' "$instance/trace")
perf=$(perf script -i "$folder/data" | sed -n 's/.*\(a=.*[^ ]\) *$/\1/p')
echo "kernel: $kernel"
echo "perf:   $perf"
[ "$kernel" = 'a=-1 b=-2 c=-3 d=-4' ] && [ "$perf" = 'a=255 b=65534 c=-3 d=-4' ] || { echo 'changed'; exit 1; }
