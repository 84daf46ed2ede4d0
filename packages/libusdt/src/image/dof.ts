/**
 * The DOF document of an image: what DTrace is told of it.
 *
 * Its addresses count from the start of the object, and whoever it is handed to adds the address that the object was
 * loaded at: the image needs no relocation by a loader, and stays the same in every process.
 *
 * macOS knows no relocations: there a site is an offset from the document itself, which lies in the image beside the
 * code. On x86 its kernel subtracts one from it, since Apple's linker notes the place of a call's operand.
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/fasttrap.c (fasttrap_meta_create_probe)
 * @module
 */

import { hasNarrowWords } from '../abi/passing.ts';
import { dofAttributes } from '../dof/attributes.ts';
import { encodeDof } from '../dof/encode.ts';
import { DOF_SYSTEMS } from '../dof/systems.ts';
import { type Attributes, DEFAULT_ATTRIBUTES } from '../model/attributes.ts';
import type { Sequence } from '../model/sequence.ts';
import type { Arch, Target } from '../model/target.ts';
import { dTypeNames } from './d-types.ts';
import type { ProbeDefinition } from './image.ts';
import type { ImageSite } from './sites.ts';

/** What the document says of a provider. */
export interface DofContent {
  readonly provider: string;
  readonly attributes?: Attributes;
  readonly probes: readonly ProbeDefinition[];
  /** Where these lie, in bytes from the start of the code. */
  readonly sites: Sequence<ImageSite>;
  /** Address of the code, from the start of the object. */
  readonly textAddress: number;
  /** Of the document itself. Only macOS' depends on it. */
  readonly dofAddress: number;
}

/** Accepted everywhere but on macOS. Only is-enabled offsets need 3, and the probes here have none: they watch their own code. */
const VERSION = 2;
const VERSION_DARWIN = 3;
/** Added to the offset of a site. */
const DARWIN_BIAS: Readonly<Record<Arch, number>> = { x64: 1, arm64: 0, i386: 1 };

export function imageDof(content: DofContent, { os, arch }: Pick<Target, 'os' | 'arch'>): Uint8Array {
  const { provider, attributes = DEFAULT_ATTRIBUTES, probes, sites, textAddress, dofAddress } = content;
  const { maxArguments } = DOF_SYSTEMS[os];
  const darwin = os === 'darwin';
  const shown = new Map<ProbeDefinition['types'], readonly string[]>();
  const typesOf = (types: ProbeDefinition['types']): readonly string[] => {
    const known = shown.get(types) ?? types.flatMap((type) => dTypeNames(arch, type)).slice(0, maxArguments);
    shown.set(types, known);
    return known;
  };
  return encodeDof({
    model: hasNarrowWords(arch) ? 'ILP32' : 'LP64',
    encoding: 'LSB',
    version: darwin ? VERSION_DARWIN : VERSION,
    relocated: !darwin,
    providers: [
      {
        name: provider,
        attributes: dofAttributes(attributes),
        probes: probes.map(({ name, function: functionName, types }, index) => {
          const { entry, site } = sites.at(index)!;
          const names = typesOf(types);
          return {
            function: functionName,
            name,
            addr: textAddress + entry,
            // As 32 bits: it is negative where the code lies before the document.
            offsets: [darwin ? (textAddress + site - dofAddress + DARWIN_BIAS[arch]) >>> 0 : site - entry],
            enabledOffsets: [],
            nativeTypes: names,
            translatedTypes: names,
            mapping: names.map((_, argument) => argument),
          };
        }),
      },
    ],
  });
}
