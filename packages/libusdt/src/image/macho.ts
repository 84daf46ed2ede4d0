/**
 * An image as a Mach-O bundle, for macOS: the code, and beside it the DOF document, both where they are never written to.
 *
 * The document is in an ordinary section. In one of type S_DTRACE_DOF dyld would register it by itself, and then never
 * unload the image, nor tell the generation that is needed to remove the probes.
 */

import type { Target } from '../model/target.ts';
import { sdtName } from '../notes/stapsdt/name.ts';
import { CONTENT_HASH_SIZE } from '../object/content-hash.ts';
import { writeBundle } from '../object/macho/bundle.ts';
import { S_CODE, S_REGULAR } from '../object/macho/constants.ts';
import { type PlannedSection, planBundle } from '../object/macho/plan.ts';
import { sha256 } from '../object/sha256.ts';
import type { ImageDefinition } from './definition.ts';
import { imageDof } from './dof.ts';
import { type ImageCode, type ImageObject, TEXT_SYMBOL } from './object.ts';

const TEXT = '__text';
const DOF = '__const';

export function buildMachOImage(
  definition: ImageDefinition,
  target: Target,
  { text, sites }: ImageCode,
): ImageObject {
  const { probes } = definition;
  const planWith = (dofSize: number) =>
    planBundle({
      arch: target.arch,
      sections: [constants(TEXT, S_CODE, text.length, 64), constants(DOF, S_REGULAR, dofSize, 8)],
      exports: [TEXT_SYMBOL],
      imports: [],
    });
  // The place of the document does not depend on its size, but its content does on its place.
  const first = planWith(0);
  const [textAddress, dofAddress] = [first.address(TEXT), first.address(DOF)];
  const dof = imageDof({ ...definition, sites, textAddress, dofAddress }, target);
  const buildId = sha256(text, dof).subarray(0, CONTENT_HASH_SIZE);
  const provider = sdtName(definition.provider);
  const bytes = writeBundle(planWith(dof.length), {
    sections: { [TEXT]: text, [DOF]: dof },
    exports: [{ name: TEXT_SYMBOL, section: TEXT, offset: 0, size: text.length }],
    symbols: probes.map(({ name }, index) => ({
      name: `${provider}__${sdtName(name)}`,
      section: TEXT,
      offset: sites.entry(index),
      size: sites.end(index) - sites.entry(index),
    })),
    buildId,
    identifier: `libusdt-${definition.provider}`,
  });
  return { bytes, buildId, textAddress, dof: { address: dofAddress, bytes: dof } };
}

/** A section that is never written to. */
function constants(sectname: string, flags: number, size: number, align: number): PlannedSection {
  return { sectname, segname: '__TEXT', flags, size, align };
}
