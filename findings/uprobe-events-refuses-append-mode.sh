#!/bin/sh
# The kernel's uprobe_events must be appended to, since opening it for writing clears it; yet Python's open(..., 'a')
# fails with EINVAL.
#
# O_TRUNC removes all events that are not in use, those of others too. So everybody appends. The file can't seek from its
# end: lseek(SEEK_END) is EINVAL. The shell's >> only opens with O_APPEND, and works. Python's 'a' mode seeks to the end after that,
# and fails: open with os.open(..., os.O_WRONLY | os.O_APPEND) there. (Other libraries that seek in append mode fail the
# same way.)
#
# Seen with Python 3.11 on Linux 6.18. Needs: root, Python 3, tracefs at /sys/kernel/tracing. Defines nothing.
set -eu
file=/sys/kernel/tracing/uprobe_events
[ -e $file ] || { echo 'needs tracefs: mount -t tracefs tracefs /sys/kernel/tracing'; exit 1; }
: >> $file && echo 'sh, >>: opened'
python3 - $file <<'PY'
import errno, os, sys
os.close(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND))
print('Python, os.open with O_APPEND: opened')
try:
    open(sys.argv[1], 'a').close()
except OSError as error:
    print("Python, open(file, 'a'):", errno.errorcode[error.errno])
    sys.exit(0 if error.errno == errno.EINVAL else "changed; it was EINVAL")
sys.exit("changed: open(file, 'a') works; it was EINVAL")
PY
