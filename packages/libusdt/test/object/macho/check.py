#!/usr/bin/python3
"""Judges Mach-O bundles, thin or universal, by the rules of macOS' loader and kernel, one by one.

Nothing of the library is used: headers are read here with struct and a second time by macholib, hashes are made by
hashlib. So it can be proved on files of Apple's linker, and broken ones, before it is believed of ours.

Prints, for each file, a JSON line: its slices, each with its architecture, UUID, exported symbols, and what is wrong by
the name of the rule (nothing, if all is well).

The rules:
- dyld: https://github.com/apple-oss-distributions/dyld/blob/main/mach_o/Header.cpp and Image.cpp
- the kernel's loader of code signatures:
  https://github.com/apple-oss-distributions/xnu/blob/main/bsd/kern/ubc_subr.c (cs_validate_csblob)
- structures: https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/kern/cs_blobs.h and
  https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
"""
import hashlib
import json
import struct
import sys

from macholib.MachO import MachO

ARCHITECTURES = {0x01000007: ("x64", 0x1000), 0x0100000C: ("arm64", 0x4000)}
MH_BUNDLE, MH_DYLIB = 8, 6
LC_SYMTAB, LC_DYSYMTAB, LC_LOAD_DYLIB, LC_ID_DYLIB = 0x2, 0xB, 0xC, 0xD
LC_SEGMENT_64, LC_UUID, LC_CODE_SIGNATURE, LC_BUILD_VERSION = 0x19, 0x1B, 0x1D, 0x32
LC_VERSION_MIN_MACOSX, LC_FUNCTION_STARTS, LC_DATA_IN_CODE = 0x24, 0x26, 0x29
LC_DYLD_INFO_ONLY, LC_EXPORTS_TRIE, LC_CHAINED_FIXUPS = 0x80000022, 0x80000033, 0x80000034
LC_REQ_DYLD = 0x80000000
# Of those that a loader must know: weak, reexported and upward libraries, rpath, main.
KNOWN_REQUIRED = {LC_DYLD_INFO_ONLY, LC_EXPORTS_TRIE, LC_CHAINED_FIXUPS,
                  0x80000018, 0x8000001C, 0x8000001F, 0x80000023, 0x80000028}
PLATFORM_MACOS = 1
READ, WRITE, EXECUTE = 1, 2, 4
S_DTRACE_DOF = 0xF
SOME_INSTRUCTIONS = 0x80000400
N_STAB, N_TYPE, N_EXT, N_SECT = 0xE0, 0x0E, 0x01, 0x0E
CS_PAGE = 4096
CS_ADHOC = 0x2


class Slice:
    """One architecture's file, taken apart."""

    def __init__(self, data):
        self.data = data
        self.broken = {}
        (self.magic, cputype, _, self.filetype, self.ncmds, self.sizeofcmds, _, _) = struct.unpack_from("<8I", data)
        self.arch, self.page = ARCHITECTURES.get(cputype, (hex(cputype), 0x4000))
        self.commands = []
        at = 32
        for _ in range(self.ncmds):
            if at + 8 > min(len(data), 32 + self.sizeofcmds):
                self.fail("command-sizes", "a command lies outside")
                break
            cmd, size = struct.unpack_from("<2I", data, at)
            self.commands.append((cmd, size, at))
            at += max(size, 8)
        self.commands_end = at
        self.segments = [self.segment(at) for cmd, _, at in self.commands if cmd == LC_SEGMENT_64]

    def segment(self, at):
        name = self.data[at + 8 : at + 24].rstrip(b"\0").decode()
        vmaddr, vmsize, fileoff, filesize, maxprot, initprot, nsects, _ = struct.unpack_from("<4Q4I", self.data, at + 24)
        sections = []
        for index in range(nsects):
            start = at + 72 + 80 * index
            sectname = self.data[start : start + 16].rstrip(b"\0").decode()
            addr, size, offset, _, _, _, flags = struct.unpack_from("<2Q5I", self.data, start + 32)
            sections.append({"name": sectname, "addr": addr, "size": size, "offset": offset, "flags": flags})
        return {"name": name, "vmaddr": vmaddr, "vmsize": vmsize, "fileoff": fileoff, "filesize": filesize,
                "initprot": initprot, "sections": sections}

    def find(self, *wanted):
        return [at for cmd, _, at in self.commands if cmd in wanted]

    def words(self, at, count):
        return struct.unpack_from(f"<{count}I", self.data, at)

    def fail(self, rule, detail):
        self.broken.setdefault(rule, detail)

    def expect(self, rule, holds, detail):
        if not holds:
            self.fail(rule, detail)


def check_commands(s):
    s.expect("file-type", s.filetype == MH_BUNDLE or (s.filetype == MH_DYLIB and s.find(LC_ID_DYLIB)),
             f"type {s.filetype}")
    s.expect("file-type", s.filetype == MH_DYLIB or not s.find(LC_ID_DYLIB), "a bundle with LC_ID_DYLIB")
    for cmd, size, at in s.commands:
        s.expect("command-sizes", size % 8 == 0 and size >= 8, f"command {cmd:#x} at {at} has {size} bytes")
        s.expect("required-commands", not cmd & LC_REQ_DYLD or cmd in KNOWN_REQUIRED, f"command {cmd:#x}")
    s.expect("command-sizes", s.commands_end == 32 + s.sizeofcmds, f"{s.commands_end - 32} of {s.sizeofcmds} bytes")
    uuids = s.find(LC_UUID)
    s.expect("uuid", len(uuids) == 1 and any(s.data[uuids[0] + 8 : uuids[0] + 24]), f"{len(uuids)} of them")
    libraries = []
    for at in s.find(LC_LOAD_DYLIB):
        size, offset = s.words(at + 4, 2)
        libraries.append(s.data[at + offset : at + size].split(b"\0")[0])
    s.expect("libsystem", b"/usr/lib/libSystem.B.dylib" in libraries, f"{libraries}")
    builds = s.find(LC_BUILD_VERSION)
    # Intel's linkers had another command before.
    if builds or s.arch == "arm64" or not s.find(LC_VERSION_MIN_MACOSX):
        s.expect("build-version", len(builds) == 1, f"{len(builds)} of them")
        for at in builds:
            platform, minos, sdk = s.words(at + 8, 3)
            s.expect("build-version", platform == PLATFORM_MACOS, f"platform {platform}")
            s.expect("build-version", 0xA0000 <= minos <= sdk, f"for {minos:#x}, made with {sdk:#x}")
    encodings = [cmd for cmd in (LC_DYLD_INFO_ONLY, LC_CHAINED_FIXUPS) if s.find(cmd)]
    s.expect("one-fixup-encoding", len(encodings) == 1, f"{[hex(cmd) for cmd in encodings]}")


def check_segments(s):
    segments = s.segments
    first = segments[0]
    s.expect("text-first", first["name"] == "__TEXT" and first["fileoff"] == 0 and first["vmaddr"] == 0
             and first["filesize"] >= s.commands_end, f"{first['name']} at {first['fileoff']}")
    s.expect("text-protection", first["initprot"] == READ | EXECUTE, f"{first['initprot']}")
    last = segments[-1]
    s.expect("linkedit-last", last["name"] == "__LINKEDIT" and last["fileoff"] + last["filesize"] == len(s.data),
             f"{last['name']} ends at {last['fileoff'] + last['filesize']} of {len(s.data)}")
    s.expect("linkedit-protection", last["initprot"] == READ, f"{last['initprot']}")
    for before, after in zip(segments, segments[1:]):
        s.expect("segment-order", before["vmaddr"] + before["vmsize"] <= after["vmaddr"]
                 and before["fileoff"] + before["filesize"] <= after["fileoff"],
                 f"{after['name']} begins before {before['name']} ends")
    for segment in segments:
        name = segment["name"]
        s.expect("segment-alignment", segment["vmaddr"] % s.page == 0 and segment["fileoff"] % s.page == 0,
                 f"{name} at {segment['vmaddr']:#x}, in the file at {segment['fileoff']:#x}")
        s.expect("segment-sizes", segment["filesize"] <= segment["vmsize"]
                 and segment["fileoff"] + segment["filesize"] <= len(s.data),
                 f"{name}: {segment['filesize']} of {segment['vmsize']} bytes")
        s.expect("never-writable-code", segment["initprot"] & (WRITE | EXECUTE) != WRITE | EXECUTE, name)
        for section in segment["sections"]:
            s.expect("sections-inside", segment["vmaddr"] <= section["addr"]
                     and section["addr"] + section["size"] <= segment["vmaddr"] + segment["vmsize"],
                     f"{section['name']} of {name}")
            # dyld would register such a document by itself, and never unload the image.
            s.expect("dof-is-regular", section["flags"] & 0xFF != S_DTRACE_DOF, section["name"])


def check_linkedit(s):
    """Tables in order, aligned, inside, apart; and symbol counts that agree."""
    tables = []
    for at in s.find(LC_DYLD_INFO_ONLY):
        fields = s.words(at + 8, 10)
        tables += [(name, fields[2 * n], fields[2 * n + 1], 8)
                   for n, name in enumerate(("rebase", "bind", "weak bind", "lazy bind", "exports"))]
    for at in s.find(LC_CHAINED_FIXUPS, LC_EXPORTS_TRIE, LC_FUNCTION_STARTS, LC_DATA_IN_CODE):
        tables.append(("data", *s.words(at + 8, 2), 8))
    for at in s.find(LC_SYMTAB):
        symoff, nsyms, stroff, strsize = s.words(at + 8, 4)
        tables += [("symbols", symoff, nsyms * 16, 8), ("strings", stroff, strsize, 1)]
        for dysymtab in s.find(LC_DYSYMTAB):
            ilocal, nlocal, iext, next_, iundef, nundef = s.words(dysymtab + 8, 6)
            s.expect("symbol-counts", (ilocal, iext, iundef) == (0, nlocal, nlocal + next_)
                     and nlocal + next_ + nundef == nsyms, f"{nlocal} + {next_} + {nundef} of {nsyms}")
            tables.append(("indirect symbols", *s.words(dysymtab + 56, 2), 4))
    s.expect("symbol-counts", len(s.find(LC_SYMTAB)) == 1 and len(s.find(LC_DYSYMTAB)) == 1, "a table is missing")
    for at in s.find(LC_CODE_SIGNATURE):
        tables.append(("signature", *s.words(at + 8, 2), 16))
    linkedit = s.segments[-1]
    end = linkedit["fileoff"]
    for name, offset, size, alignment in sorted((t for t in tables if t[2] > 0), key=lambda t: t[1]):
        size = size * 4 if name == "indirect symbols" else size
        s.expect("linkedit-tables", offset >= end, f"the {name} begin before the table in front of them ends")
        s.expect("linkedit-tables", offset % alignment == 0, f"the {name} are at {offset}")
        end = offset + size
    s.expect("linkedit-tables", end <= len(s.data), "a table ends behind the file")


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def walk_trie(data, at, prefix, found, depth=0):
    """dyld's trie of exported names: https://github.com/apple-oss-distributions/dyld (ExportsTrie.cpp)"""
    if depth > 128:
        raise ValueError("the trie has a loop")
    size, at = uleb(data, at)
    if size > 0:
        flags, where = uleb(data, at)
        address, _ = uleb(data, where)
        found[prefix.decode()] = (flags, address)
    at += size
    edges = data[at]
    at += 1
    for _ in range(edges):
        end = data.index(0, at)
        text = data[at:end]
        node, at = uleb(data, end + 1)
        walk_trie(data, node, prefix + text, found, depth + 1)


def check_exports(s):
    """What dlsym(3) finds is what the symbol table says, and lies in the image."""
    tries = [s.words(at + 40, 2) for at in s.find(LC_DYLD_INFO_ONLY)] + [s.words(at + 8, 2) for at in s.find(LC_EXPORTS_TRIE)]
    found = {}
    try:
        for offset, size in tries:
            if size > 0:
                walk_trie(s.data[offset : offset + size], 0, b"", found)
    except (IndexError, ValueError) as error:
        s.fail("export-trie", str(error))
        return found
    expected = {}
    for at in s.find(LC_SYMTAB):
        symoff, nsyms, stroff, _ = s.words(at + 8, 4)
        for index in range(nsyms):
            name, kind, _, _, value = struct.unpack_from("<IBBHQ", s.data, symoff + 16 * index)
            if kind & N_STAB == 0 and kind & N_EXT and kind & N_TYPE == N_SECT and not kind & 0x10:
                start = stroff + name
                expected[s.data[start : s.data.index(0, start)].decode()] = value
    s.expect("export-trie", {name: address for name, (_, address) in found.items()} == expected,
             f"{found} in the trie, {expected} in the symbol table")
    s.expect("export-trie", all(name.startswith("_") for name in found), "a name without an underscore")
    return found


def check_signature(s):
    signatures = s.find(LC_CODE_SIGNATURE)
    # Processors of Intel's run unsigned code.
    if s.arch == "x64" and not signatures:
        return
    s.expect("signature-covers-file", len(signatures) == 1, f"{len(signatures)} signatures")
    if not signatures:
        return
    dataoff, datasize = s.words(signatures[0] + 8, 2)
    s.expect("signature-covers-file", dataoff + datasize == len(s.data), f"{dataoff} + {datasize} of {len(s.data)}")
    blob = s.data[dataoff : dataoff + datasize]
    magic, length, count = struct.unpack_from(">3I", blob)
    s.expect("signature-blob", magic == 0xFADE0CC0 and length <= len(blob), f"magic {magic:#x}, {length} bytes")
    slots = [struct.unpack_from(">2I", blob, 12 + 8 * index) for index in range(count)]
    directories = [offset for slot, offset in slots if slot == 0]
    if len(directories) != 1:
        s.fail("signature-blob", f"{len(directories)} code directories")
        return
    cd = blob[directories[0] :]
    (magic, length, version, flags, hash_offset, ident_offset, special, nslots, limit) = struct.unpack_from(">9I", cd)
    hash_size, hash_type, _, page_shift = struct.unpack_from(">4B", cd, 36)
    s.expect("signature-blob", magic == 0xFADE0C02 and length <= len(cd), f"a code directory {magic:#x}, {length} bytes")
    # The kernel wants its own structure's size, which grows: 112 bytes in 2025.
    s.expect("signature-blob", length >= 112 and version >= 0x20400, f"{length} bytes, version {version:#x}")
    s.expect("signature-blob", (hash_size, hash_type) == (32, 2), f"hash {hash_type} of {hash_size} bytes")
    s.expect("signature-blob", page_shift in (12, 14), f"pages of 2^{page_shift}")
    ends = cd.find(0, ident_offset)
    s.expect("signature-blob", 44 <= ident_offset < ends < hash_offset - special * hash_size, "no identifier")
    s.expect("signature-blob", hash_offset + nslots * hash_size <= length, "hashes outside")
    s.expect("signature-adhoc", flags & CS_ADHOC, f"flags {flags:#x}")
    s.expect("signature-covers-file", limit == dataoff, f"{limit} of {dataoff} bytes")
    page = 1 << page_shift
    s.expect("page-hashes", nslots == -(-limit // page), f"{nslots} for {limit} bytes")
    for index in range(nslots):
        digest = hashlib.sha256(s.data[index * page : min((index + 1) * page, limit)]).digest()
        start = hash_offset + index * hash_size
        s.expect("page-hashes", cd[start : start + hash_size] == digest, f"page {index}")
    base, size, segment_flags = struct.unpack_from(">3Q", cd, 64)
    text = s.segments[0]
    s.expect("executable-segment", (base, size, segment_flags) == (text["fileoff"], text["filesize"], 0),
             f"{base}, {size}, flags {segment_flags}")
    # The kernel never executes the last page if it is not a whole one.
    whole = limit // CS_PAGE * CS_PAGE
    for segment in s.segments:
        for section in segment["sections"]:
            if section["flags"] & SOME_INSTRUCTIONS:
                s.expect("no-code-in-last-page", section["offset"] + section["size"] <= whole, section["name"])


def check_macholib(path, offset, s):
    """An independent reader sees the same commands."""
    try:
        header = next(h for h in MachO(path).headers if h.offset == offset)
        seen = [(load.cmd, load.cmdsize) for load, _, _ in header.commands]
        s.expect("macholib", seen == [(cmd, size) for cmd, size, _ in s.commands], "other load commands")
        names = [command.segname.rstrip(b"\0").decode() for load, command, _ in header.commands if load.cmd == LC_SEGMENT_64]
        s.expect("macholib", names == [segment["name"] for segment in s.segments], f"segments {names}")
    except Exception as error:  # It raises what comes.
        s.fail("macholib", repr(error))


def slices_of(data):
    """Offsets and sizes."""
    if struct.unpack_from(">I", data)[0] != 0xCAFEBABE:
        return [(0, len(data))]
    count = struct.unpack_from(">I", data, 4)[0]
    return [struct.unpack_from(">2I", data, 8 + 20 * index + 8) for index in range(count)]


def check(path):
    with open(path, "rb") as file:
        data = file.read()
    results = []
    end = 0
    for offset, size in slices_of(data):
        s = Slice(data[offset : offset + size])
        s.expect("slices", s.magic == 0xFEEDFACF and len(s.data) == size, f"{size} bytes at {offset}")
        s.expect("slices", offset >= end and offset % s.page == 0, f"a slice at {offset}")
        end = offset + size
        exports = {}
        for rules in (check_commands, check_segments, check_linkedit, check_exports, check_signature):
            try:
                exports = rules(s) or exports
            except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
                s.fail(rules.__name__, repr(error))
        check_macholib(path, offset, s)
        uuid = s.data[s.find(LC_UUID)[0] + 8 :][:16].hex() if s.find(LC_UUID) else None
        results.append({"arch": s.arch, "uuid": uuid, "exports": sorted(exports), "broken": s.broken})
    return results


for path in sys.argv[1:]:
    print(json.dumps({"path": path, "slices": check(path)}))
