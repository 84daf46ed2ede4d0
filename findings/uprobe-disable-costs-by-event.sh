#!/bin/sh
# Disabling uprobe events takes tens of milliseconds each; enabling them takes next to nothing. Many probes under ONE
# event name are disabled in the time of one.
#
# Each event that is switched off waits until every processor has left the tracing code, one after the other. So a tracer
# with a thousand probes starts at once, and takes most of a minute to end. `uprobe_events` takes several places for
# one event name, if their arguments have the same names and types (`p:g/e file:0x10`, `p:g/e file:0x20`): these
# are switched off together. A constant argument (`id=\1`) tells the place.
#
# Seen on Linux 6.18, x86-64, 2 processors. Needs: root, gcc, tracefs at /sys/kernel/tracing. Defines 41 uprobe events,
# and removes them again. Compares times of the same minute, so it holds on other machines too.
set -eu
tracefs=/sys/kernel/tracing
[ -e $tracefs/uprobe_events ] || { echo "needs tracefs: mount -t tracefs tracefs $tracefs"; exit 1; }
group=finding_$$ folder=$(mktemp -d) count=40 instance=$tracefs/instances/finding_$$
cleanup() {
  for g in ${group}a ${group}s; do echo 0 > "$instance/events/$g/enable" || :; done
  rmdir "$instance" || :
  for i in $(seq $count); do echo "-:${group}a/e$i"; done > "$folder/remove"
  echo "-:${group}s/e" >> "$folder/remove"
  cat "$folder/remove" >> $tracefs/uprobe_events || :
  rm -rf "$folder"
}
trap cleanup EXIT
cat > "$folder/program.c" <<'C'
__asm__(".globl sites\nsites: .fill 64, 1, 0x90\nret\n");
int main(void) { return 0; }
C
gcc -no-pie -o "$folder/program" "$folder/program.c"
start=$((0x$(nm "$folder/program" | awk '$3 == "sites" { print $1 }') - 0x400000))
mkdir "$instance"
for i in $(seq $count); do
  printf "p:${group}a/e$i %s:0x%x\n" "$folder/program" $((start + i))           # an event of its own for each place
  printf "p:${group}s/e %s:0x%x id=%s:u32\n" "$folder/program" $((start + i)) "\\$i"   # all places are one event
done > "$folder/define"
while read -r line; do printf '%s\n' "$line" >> $tracefs/uprobe_events; done < "$folder/define"

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
switch() { # GROUP, 0 or 1
  before=$(milliseconds); echo "$2" > "$instance/events/$1/enable"; echo $(($(milliseconds) - before))
}
on_own=$(switch ${group}a 1); off_own=$(switch ${group}a 0)
on_shared=$(switch ${group}s 1); off_shared=$(switch ${group}s 0)
echo "$count places, an event each:   enable $on_own ms, disable $off_own ms"
echo "$count places, one event name:  enable $on_shared ms, disable $off_shared ms"
[ "$off_own" -gt $((off_shared * 4)) ] && [ "$off_own" -gt $((on_own * 4)) ] || { echo 'changed: the first was more than four times the others'; exit 1; }
