/**
 * What differs between the files of the processors, as the writer needs it: their facts (arch/), with the sections and tags that
 * belong to them.
 */

import type { ElfFacts } from '../../arch/arch.ts';
import { PROCESSORS } from '../../arch/index.ts';
import type { Arch, ByteOrder } from '../../model/target.ts';
import * as elf from './constants.ts';
import { ElfEncoder } from './encoder.ts';

interface Relocations {
  readonly section: string;
  readonly sh_type: number;
  readonly structure: 'rel' | 'rela';
  /** Of the dynamic entries with their address, their size, and the size of one. */
  readonly tags: readonly [address: number, size: number, entsize: number];
}

const RELOCATIONS: Readonly<Record<'rel' | 'rela', Relocations>> = {
  rela: {
    section: '.rela.dyn',
    sh_type: elf.SHT_RELA,
    structure: 'rela',
    tags: [elf.DT_RELA, elf.DT_RELASZ, elf.DT_RELAENT],
  },
  rel: {
    section: '.rel.dyn',
    sh_type: elf.SHT_REL,
    structure: 'rel',
    tags: [elf.DT_REL, elf.DT_RELSZ, elf.DT_RELENT],
  },
};

interface Machine extends Omit<ElfFacts, 'relocations'> {
  readonly relocations: Relocations;
  readonly encoder: ElfEncoder;
}

const ENCODERS: Readonly<Record<32 | 64, Readonly<Record<ByteOrder, ElfEncoder>>>> = {
  32: { lsb: new ElfEncoder({ class: 32, data: 'lsb' }), msb: new ElfEncoder({ class: 32, data: 'msb' }) },
  64: { lsb: new ElfEncoder({ class: 64, data: 'lsb' }), msb: new ElfEncoder({ class: 64, data: 'msb' }) },
};

export const MACHINES = Object.fromEntries(
  Object.values(PROCESSORS).map(({ name, wordBits, order, elf: facts }): [Arch, Machine] => [
    name,
    { ...facts, relocations: RELOCATIONS[facts.relocations], encoder: ENCODERS[wordBits][order] },
  ]),
) as Readonly<Record<Arch, Machine>>;
