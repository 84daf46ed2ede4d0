/** Sections for ELF files of 64 bits, little-endian, as `objcopy --add-section` adds them. */

const SECTION_HEADER = 64;

/** A copy of the file with one section more, which is not loaded. The old table of sections stays as dead bytes. */
export function addSection(file: Uint8Array, name: string, content: Uint8Array): Buffer {
  const old = Buffer.from(file);
  const [headers, count, names] = [
    Number(old.readBigUInt64LE(40)),
    old.readUInt16LE(60),
    old.readUInt16LE(62),
  ];
  const table = Buffer.from(old.subarray(headers, headers + count * SECTION_HEADER));
  const at = names * SECTION_HEADER;
  const [start, size] = [at + 24, at + 32].map((field) => Number(table.readBigUInt64LE(field))) as [
    number,
    number,
  ];
  const strings = Buffer.concat([old.subarray(start, start + size), Buffer.from(`${name}\0`)]);
  const contentAt = (old.length + 7) & ~7;
  const stringsAt = contentAt + content.length;
  const tableAt = (stringsAt + strings.length + 7) & ~7;
  table.writeBigUInt64LE(BigInt(stringsAt), at + 24);
  table.writeBigUInt64LE(BigInt(strings.length), at + 32);
  const added = Buffer.alloc(SECTION_HEADER);
  added.writeUInt32LE(size, 0);
  added.writeUInt32LE(1, 4); // SHT_PROGBITS
  added.writeBigUInt64LE(BigInt(contentAt), 24);
  added.writeBigUInt64LE(BigInt(content.length), 32);
  added.writeBigUInt64LE(1n, 48);
  const bytes = Buffer.alloc(tableAt + table.length + SECTION_HEADER);
  for (const [part, place] of [
    [old, 0],
    [content, contentAt],
    [strings, stringsAt],
    [table, tableAt],
    [added, tableAt + table.length],
  ] as const) {
    bytes.set(part, place);
  }
  bytes.writeBigUInt64LE(BigInt(tableAt), 40);
  bytes.writeUInt16LE(count + 1, 60);
  return bytes;
}

/** A copy of the file in which a section that is not loaded has other content, at the file's end. */
export function replaceSection(file: Uint8Array, name: string, content: Uint8Array): Buffer {
  const bytes = Buffer.concat([file, Buffer.alloc(-file.length & 7), content]);
  const { offset, size } = findSection(bytes, name);
  bytes.writeBigUInt64LE(BigInt(bytes.length - content.length), offset);
  bytes.writeBigUInt64LE(BigInt(content.length), size);
  return bytes;
}

/** The content of a section. */
export function sectionOf(file: Buffer, name: string): Buffer {
  const { offset, size } = findSection(file, name);
  const start = Number(file.readBigUInt64LE(offset));
  return file.subarray(start, start + Number(file.readBigUInt64LE(size)));
}

/** Where in the file its header has `sh_offset` and `sh_size`. */
function findSection(file: Buffer, name: string): { offset: number; size: number } {
  const table = Number(file.readBigUInt64LE(40));
  const names = Number(file.readBigUInt64LE(table + file.readUInt16LE(62) * SECTION_HEADER + 24));
  for (let at = table; at < table + file.readUInt16LE(60) * SECTION_HEADER; at += SECTION_HEADER) {
    const start = names + file.readUInt32LE(at);
    if (file.toString('latin1', start, file.indexOf(0, start)) === name)
      return { offset: at + 24, size: at + 32 };
  }
  throw new Error(`no section ${name}`);
}
