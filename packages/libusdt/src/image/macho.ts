/**
 * An image as a Mach-O bundle, for macOS: the code, and beside it the DOF document, both where they are never written to.
 * @module
 */

import type { Target } from '../model/target.ts';
import { sdtName } from '../notes/stapsdt/name.ts';
import { BUILD_ID_SIZE } from '../object/elf/shared-object.ts';
import { planBundle, writeBundle } from '../object/macho/bundle.ts';
import { sha256 } from '../object/sha256.ts';
import type { ImageDefinition } from './definition.ts';
import { imageDof } from './dof.ts';
import { type ImageCode, type ImageObject, TEXT_SYMBOL } from './object.ts';

export function buildMachOImage(
  definition: ImageDefinition,
  target: Target,
  { text, sites }: ImageCode,
): ImageObject {
  const { probes } = definition;
  const plan = {
    arch: target.arch,
    textSize: text.length,
    textAlign: 64,
    exports: [TEXT_SYMBOL],
    imports: [],
    dataSize: 0,
  };
  // The document lies behind the code: its place does not depend on its size, but its content does on its place.
  const { textAddress, dofAddress } = planBundle({ ...plan, dofSize: 1 });
  const dof = imageDof({ ...definition, sites, textAddress, dofAddress }, target);
  const layout = planBundle({ ...plan, dofSize: dof.length });
  const buildId = sha256(text, dof).subarray(0, BUILD_ID_SIZE);
  const provider = sdtName(definition.provider);
  const bytes = writeBundle(layout, {
    text,
    dof,
    exports: [{ name: TEXT_SYMBOL, offset: 0 }],
    symbols: probes.map(({ name }, index) => ({
      name: `${provider}__${sdtName(name)}`,
      offset: sites.entry(index),
    })),
    buildId,
    identifier: `libusdt-${definition.provider}`,
  });
  return { bytes, buildId, textAddress, dof: { address: dofAddress, bytes: dof } };
}
