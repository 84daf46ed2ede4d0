/**
 * ULEB128, the variable-length numbers of Mach-O's export tries and binding opcodes: seven bits a byte, the least
 * significant first, the top bit set in all bytes but the last.
 * https://dwarfstd.org/doc/DWARF5.pdf (7.6)
 */

/** Bytes of an unsigned number up to 2^53. @throws RangeError for anything else. */
export function uleb128(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned integer: ${value}`);
  const bytes: number[] = [];
  do {
    const low = value % 128;
    value = Math.floor(value / 128);
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}
