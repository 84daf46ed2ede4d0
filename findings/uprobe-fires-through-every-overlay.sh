#!/bin/sh
# A uprobe belongs to the file below an overlay. Attached by the path in one overlay mount, it fires for the same file
# in every other, although stat() shows another device there.
#
# Containers of one image share the files of its layers, each through an overlay mount of its own. st_dev differs by
# mount, st_ino is the lower file's in both. So a tool that tells files apart by device and inode number, and attaches
# to each, gets every event once per container. One attachment sees all of them, and one of them can't be told from
# the others by the file.
#
# Seen on Linux 6.18, x86-64. Needs: root, gcc, tracefs at /sys/kernel/tracing. The overlays are in a mount namespace of
# their own. Defines two uprobe events, and removes them again.
set -eu
if [ "${1:-}" != inside ]; then exec unshare -m "$0" inside; fi
tracefs=/sys/kernel/tracing
[ -e $tracefs/uprobe_events ] || { echo "needs tracefs: mount -t tracefs tracefs $tracefs"; exit 1; }
group=finding_$$ folder=$(mktemp -d) instance=$tracefs/instances/finding_$$
cleanup() {
  for event in one two; do echo 0 > "$instance/events/$group/$event/enable" || :; done
  rmdir "$instance" || :
  for event in one two; do echo "-:$group/$event" >> $tracefs/uprobe_events || :; done
  cd /; umount "$folder/one" "$folder/two" "$folder" || :
  rmdir "$folder"
}
trap cleanup EXIT
mount -t tmpfs tmpfs "$folder"
cd "$folder"
mkdir lower one two up1 up2 work1 work2
cat > lower/program.c <<'C'
__attribute__((noinline)) void hit(void) { __asm__ volatile("nop"); }
int main(void) { for (int i = 0; i < 5; i++) hit(); return 0; }
C
gcc -O1 -no-pie -o lower/program lower/program.c
mount -t overlay overlay -o "lowerdir=lower,upperdir=up1,workdir=work1" one
mount -t overlay overlay -o "lowerdir=lower,upperdir=up2,workdir=work2" two
offset=$(printf '0x%x' $((0x$(nm lower/program | awk '$3 == "hit" { print $1 }') - 0x400000)))

mkdir "$instance"
for event in one two; do
  echo "p:$group/$event $folder/$event/program:$offset" >> $tracefs/uprobe_events
  echo 1 > "$instance/events/$group/$event/enable"
done
one/program    # five times hit(), in the first overlay only

echo "one/program: device, inode $(stat -c '%d, %i' one/program)"
echo "two/program: device, inode $(stat -c '%d, %i' two/program)"
seen() { grep -c " $1: " "$instance/trace" || :; }
echo "events by one/program: $(seen one); by two/program: $(seen two)"
[ "$(stat -c %d one/program)" != "$(stat -c %d two/program)" ] && [ "$(seen one)" = 5 ] && [ "$(seen two)" = 5 ] || { echo changed; exit 1; }
