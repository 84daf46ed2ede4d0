/**
 * Addresses of named symbols: compilers name a global variable in an operand, as in `4@counter(%rip)`.
 */

import { decodeText, type ElfFile, SHT_DYNSYM, SHT_SYMTAB } from 'libusdt/codecs';
import { LIMITS, processorTime } from './limits.ts';

/** A symbol's name is not longer. */
const NAME_BYTES = 4096;
/** Bytes of a table between two looks at the time. */
const CHECKED = 16 * 24 * 1024;

/** The addresses of those of `names` that the file's symbol tables define. A malformed table defines nothing. */
export function symbolAddresses(elf: ElfFile, names: ReadonlySet<string>): Map<string, bigint> {
  const found = new Map<string, bigint>();
  const wide = elf.format.class === 64;
  const little = elf.format.data === 'lsb';
  // Elf64_Sym: name 4, info 1, other 1, shndx 2, value 8, size 8. Elf32_Sym: name 4, value 4, size 4, info 1, other 1, shndx 2.
  const entry = wide ? 24 : 16;
  const until = processorTime() + LIMITS.fileTime;
  for (const table of elf.sections) {
    if (table.type !== SHT_SYMTAB && table.type !== SHT_DYNSYM) continue;
    const strings = elf.sections[table.link];
    if (!strings) continue;
    const text = elf.data(strings);
    const data = elf.data(table);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    for (let at = entry; at + entry <= data.length; at += entry) {
      // Many tables may claim the same bytes.
      if (found.size === names.size || (at % CHECKED === 0 && processorTime() > until)) return found;
      const shndx = view.getUint16(at + (wide ? 6 : 14), little);
      if (shndx === 0) continue;
      const name = view.getUint32(at, little);
      const rest = text.subarray(name, name + NAME_BYTES + 1);
      const length = rest.indexOf(0);
      if (length <= 0) continue;
      const symbol = decodeText(rest.subarray(0, length));
      if (!names.has(symbol) || found.has(symbol)) continue;
      found.set(symbol, wide ? view.getBigUint64(at + 8, little) : BigInt(view.getUint32(at + 4, little)));
    }
  }
  return found;
}
