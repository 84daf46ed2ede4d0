#!/bin/sh
# A place that is added to a uprobe event which is switched on already is accepted, listed, and never fires.
#
# `uprobe_events` takes several places for one event name. A tracer that finds one more program while it traces might add
# its place to the event that is there. Nothing is refused then, and no event comes: the kernel attaches to the places
# of an event when the event is switched on, and the event is on. So what comes later needs an event of its own, or the
# event has to be switched off and on, in which events are lost.
#
# Seen on Linux 6.18, x86-64. Needs: root, gcc, tracefs at /sys/kernel/tracing. Defines one uprobe event, and removes it.
set -eu
tracefs=/sys/kernel/tracing
[ -e $tracefs/uprobe_events ] || { echo "needs tracefs: mount -t tracefs tracefs $tracefs"; exit 1; }
group=finding_$$ folder=$(mktemp -d) instance=$tracefs/instances/finding_$$
cleanup() {
  echo 0 > "$instance/events/$group/enable" || :
  rmdir "$instance" || :
  echo "-:$group/e" >> $tracefs/uprobe_events || :
  rm -rf "$folder"
}
trap cleanup EXIT
cat > "$folder/program.c" <<'C'
__attribute__((noinline)) void first(void) { __asm__ volatile(""); }
__attribute__((noinline)) void later(void) { __asm__ volatile(""); }
int main(void) { first(); later(); return 0; }
C
gcc -O0 -no-pie -o "$folder/program" "$folder/program.c"
offset() { printf '0x%x' $((0x$(nm "$folder/program" | awk -v name="$1" '$3 == name { print $1 }') - 0x400000)); }
place() { printf 'p:%s/e %s:%s place=%s:u32\n' "$group" "$folder/program" "$(offset "$1")" "\\$2" >> $tracefs/uprobe_events; }
events() { grep -c "place=$1" "$instance/trace" || :; }

mkdir "$instance"
place first 1
echo 1 > "$instance/events/$group/enable"
place later 2
echo "places of the event that the kernel lists: $(grep -c "p:$group/e " $tracefs/uprobe_events)"
"$folder/program"
while_on="$(events 1) and $(events 2)"
echo "events of the first place and of the later one: $while_on"
echo 0 > "$instance/events/$group/enable"
echo 1 > "$instance/events/$group/enable"
echo > "$instance/trace"
"$folder/program"
anew="$(events 1) and $(events 2)"
echo "the same after the event was switched off and on: $anew"
[ "$while_on, $anew" = "1 and 0, 1 and 1" ] || { echo 'changed: it was 1 and 0, then 1 and 1'; exit 1; }
