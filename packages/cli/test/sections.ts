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
