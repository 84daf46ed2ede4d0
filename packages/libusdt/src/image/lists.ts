/**
 * What an image says of its probes, three times over: in SDT notes, in our own notes, and in the symbol table. Each list
 * fills in one and the same object for every probe, since at ten thousand probes the garbage would be several times the
 * image, and the runtime's heap would grow for it, to stay grown.
 */

import { sizeOn } from '../arch/passing.ts';
import type { CType } from '../ctypes/ctypes.ts';
import { memoised, type Sequence } from '../model/sequence.ts';
import type { Arch } from '../model/target.ts';
import type { ProbeDeclaration } from '../notes/libusdt/declaration.ts';
import { sdtName } from '../notes/stapsdt/name.ts';
import type { StapsdtProbe } from '../notes/stapsdt/note.ts';
import { argumentString } from '../notes/stapsdt/operands.ts';
import type { SectionSymbol } from '../object/section.ts';
import type { ImageDefinition } from './definition.ts';
import type { ImageSites } from './sites.ts';

/** Names are as the definition has them; SDT_NAMES is for the SDT notes and symbols. */
export interface ImageLists {
  readonly stapsdt: Sequence<StapsdtProbe>;
  readonly declarations: Sequence<ProbeDeclaration>;
  /** Without the prefix that all have, the provider's name. */
  readonly symbols: Sequence<SectionSymbol>;
  readonly symbolPrefix: string;
}

/** Where the probes of the definition ended up. */
export interface Placement {
  readonly arch: Arch;
  readonly sites: ImageSites;
  readonly textAddress: number;
  /** What SDT notes refer to; none are asked for where there is none. */
  readonly stapsdtBaseAddress: number;
}

export function listProbes({ provider, module, probes }: ImageDefinition, placement: Placement): ImageLists {
  const { arch, sites, textAddress, stapsdtBaseAddress } = placement;
  const { length } = probes;
  const sdtProvider = sdtName(provider);
  // Probes of one signature share the array of their types: see defineProbe.
  const operands = memoised((types: readonly CType[]) =>
    argumentString(
      arch,
      types.map((type) => ({ size: sizeOn(arch, type), signed: type.signed })),
    ),
  );
  const typeNames = memoised((types: readonly CType[]) => types.map(({ name }) => name));

  const note = { pc: 0, base: stapsdtBaseAddress, semaphore: 0, provider: sdtProvider, name: '', args: '' };
  const declaration = { pc: 0, provider, module, function: '', name: '', types: NO_TYPES };
  const symbol = { name: '', offset: 0, size: 0 };
  return {
    stapsdt: {
      length,
      at(index) {
        note.pc = textAddress + sites.site(index);
        note.name = probes[index]!.name;
        note.args = operands(probes[index]!.types);
        return note;
      },
    },
    declarations: {
      length,
      at(index) {
        const { name, function: functionName, types } = probes[index]!;
        declaration.pc = textAddress + sites.site(index);
        declaration.function = functionName;
        declaration.name = name;
        declaration.types = typeNames(types);
        return declaration;
      },
    },
    symbols: {
      length,
      at(index) {
        symbol.name = probes[index]!.name;
        symbol.offset = sites.entry(index);
        symbol.size = sites.end(index) - sites.entry(index);
        return symbol;
      },
    },
    symbolPrefix: `${sdtProvider}__`,
  };
}

const NO_TYPES: readonly string[] = [];
