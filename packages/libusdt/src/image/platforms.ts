/**
 * What the images in a file were built for, by the file's own headers: ELF files and Mach-O bundles are for one
 * platform each, a universal file has a bundle for each processor.
 */

import { archOfElf, archOfMachO } from '../arch/index.ts';
import { EI_DATA, EI_OSABI, ELFDATA2LSB } from '../object/elf/constants.ts';
import { MH_MAGIC_64 } from '../object/macho/constants.ts';
import { MachOError, machOKind, readUniversal } from '../object/macho/reader.ts';
import { OSABI } from './elf.ts';

export interface BuiltImage {
  /** As `usdt build --target` has it: `linux-x64`. */
  readonly platform: string;
  /** Not copied. */
  readonly bytes: Uint8Array;
}

const ELF_MAGIC = 0x7f454c46;
const E_MACHINE = 18;
/** Behind it is nothing that is looked at here: an ELF header of 32 bits. */
const SMALLEST = 52;

/** None for anything else. */
export function imagesIn(bytes: Uint8Array): BuiltImage[] {
  if (bytes.length < SMALLEST) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) === ELF_MAGIC) {
    const machine = view.getUint16(E_MACHINE, bytes[EI_DATA] === ELFDATA2LSB);
    const arch = archOfElf(machine);
    const os = Object.entries(OSABI).find(([, osabi]) => osabi === bytes[EI_OSABI])?.[0];
    return [{ platform: `${os ?? 'another system'}-${arch ?? `e_machine ${machine}`}`, bytes }];
  }
  if (view.getUint32(0, true) === MH_MAGIC_64) {
    const cputype = view.getUint32(4, true);
    const arch = archOfMachO(cputype);
    return [{ platform: `darwin-${arch ?? `cputype ${cputype}`}`, bytes }];
  }
  if (machOKind(bytes) !== 'universal') return [];
  try {
    return readUniversal(bytes).flatMap(({ offset, size }) =>
      imagesIn(bytes.subarray(offset, offset + size)).filter(({ platform }) => platform.startsWith('darwin')),
    );
  } catch (error) {
    if (error instanceof MachOError) return [];
    throw error;
  }
}
