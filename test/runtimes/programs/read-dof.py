"""Reads a DOF document that is somewhere in a file, with nothing of ours: read-dof.py FILE OFFSET SIZE.

Prints a line of JSON per probe. Structures: <sys/dtrace.h>, dof_hdr_t and those after it.
"""

import json
import struct
import sys

path, offset, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(path, "rb") as file:
    file.seek(offset)
    dof = file.read(size)

assert dof[:4] == b"\x7fDOF"
secsize, secnum, secoff, loadsz = struct.unpack_from("<IIQQ", dof, 24)
assert loadsz == size
# dofs_type, dofs_align, dofs_flags, dofs_entsize, dofs_offset, dofs_size
sections = [struct.unpack_from("<IIIIQQ", dof, secoff + i * secsize) for i in range(secnum)]
PROVIDER = 15


def strings(section, start, count):
    first = sections[section][4] + start
    return [text.decode() for text in dof[first:].split(b"\0")[:count]]


def offsets(section, index, count):
    return list(struct.unpack_from(f"<{count}i", dof, sections[section][4] + 4 * index)) if count else []


for kind, _, _, _, at, _ in sections:
    if kind != PROVIDER:
        continue
    strtab, probes, prargs, proffs, name = struct.unpack_from("<5I", dof, at)
    (prenoffs,) = struct.unpack_from("<I", dof, at + 40)
    _, _, _, entsize, start, total = sections[probes]
    for entry in range(start, start + total, entsize):
        func, probe, nargv, xargv, argidx, offidx, nargc, xargc, noffs, enoffidx, nenoffs = struct.unpack_from(
            "<IIIIIIBBHIH", dof, entry + 8
        )
        mapping = dof[sections[prargs][4] + argidx :][:xargc]
        print(
            json.dumps(
                {
                    "provider": strings(strtab, name, 1)[0],
                    "function": strings(strtab, func, 1)[0],
                    "probe": strings(strtab, probe, 1)[0],
                    "native": strings(strtab, nargv, nargc),
                    "translated": strings(strtab, xargv, xargc),
                    "mapping": list(mapping),
                    "offsets": offsets(proffs, offidx, noffs),
                    "enabled": offsets(prenoffs, enoffidx, nenoffs),
                }
            )
        )
