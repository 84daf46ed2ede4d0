/**
 * The DOF document of an image: what DTrace is told of it.
 *
 * Its addresses count from the start of the object, and whoever it is handed to adds the address that the object was
 * loaded at: the image needs no relocation by a loader, and stays the same in every process.
 * @module
 */

import type { ProbeSite } from '../asm/assembler.ts';
import { dofAttributes } from '../dof/attributes.ts';
import { encodeDof } from '../dof/encode.ts';
import { DOF_SYSTEMS } from '../dof/systems.ts';
import { type Attributes, DEFAULT_ATTRIBUTES } from '../provider/attributes.ts';
import { dTypeName } from './d-types.ts';
import type { ProbeDefinition } from './image.ts';

/** What the document says of a provider. */
export interface DofContent {
  readonly provider: string;
  readonly attributes?: Attributes;
  readonly probes: readonly ProbeDefinition[];
  /** Where these lie, in bytes from the start of the code. */
  readonly places: readonly ProbeSite[];
  /** Address of the code, from the start of the object. */
  readonly textAddress: number;
}

/** Accepted by every version of dtprobed. Only is-enabled offsets need 3, and the probes here have none: they watch their own code. */
const VERSION = 2;

export function imageDof(content: DofContent): Uint8Array {
  const { provider, attributes = DEFAULT_ATTRIBUTES, probes, places, textAddress } = content;
  const { maxArguments } = DOF_SYSTEMS.linux;
  const shown = new Map<ProbeDefinition['types'], readonly string[]>();
  const typesOf = (types: ProbeDefinition['types']): readonly string[] => {
    const known = shown.get(types) ?? types.slice(0, maxArguments).map(dTypeName);
    shown.set(types, known);
    return known;
  };
  return encodeDof({
    model: 'LP64',
    encoding: 'LSB',
    version: VERSION,
    relocated: true,
    providers: [
      {
        name: provider,
        attributes: dofAttributes(attributes),
        probes: probes.map(({ name, function: functionName, types }, index) => {
          const { entry, site } = places[index]!;
          const names = typesOf(types);
          return {
            function: functionName,
            name,
            addr: textAddress + entry,
            offsets: [site - entry],
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
