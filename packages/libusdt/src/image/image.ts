/**
 * Definition + target -> the bytes of an image: one small shared object with a function per probe, the tracepoint
 * in each, and the notes that tell tracers of them. Pure and deterministic: the same definition for the same target
 * gives the same bytes, so every process that uses it maps the same file, and a tracer that attaches to the file
 * (tracers on Linux attach by inode) sees them all.
 *
 * Text and notes only: no Node-API, no relocations, nothing that is written to but the dynamic section.
 * One symbol is exported, `libusdt_text`, the start of the code; all other places are offsets from it.
 */

import { createAssembler } from '../arch/assemblers.ts';
import { PROCESSORS } from '../arch/index.ts';
import type { Assembler } from '../asm/assembler.ts';
import type { ByteOrder, Target, TracepointEncoding } from '../model/target.ts';
import type { Allocate } from '../object/elf/shared-object.ts';
import type { ImageDefinition, ProbeDefinition } from './definition.ts';
import { buildElfImage } from './elf.ts';
import type { Image, ImageCode } from './object.ts';
import { buildMachOImage } from './rare.ts';
import { ImageSites } from './sites.ts';

/**
 * Deterministic: the same definition for the same target gives the same bytes.
 * @param allocate where an ELF file goes; by default, into new memory.
 */
export function buildImage(definition: ImageDefinition, target: Target, allocate?: Allocate): Image {
  const { os, arch, tracepoint } = target;
  const code = buildCode(createAssembler(arch), PROCESSORS[arch].order, tracepoint, definition.probes);
  const { text, sites } = code;
  const { bytes, buildId, textAddress, dof } =
    os === 'darwin'
      ? buildMachOImage(definition, target, code)
      : buildElfImage(definition, { ...target, os }, code, allocate);
  return {
    bytes,
    tracepoint,
    buildId,
    textSize: text.length,
    sites,
    dof: dof && { document: dof.address - textAddress, base: -textAddress, bytes: dof.bytes },
  };
}

function buildCode(
  asm: Assembler,
  order: ByteOrder,
  tracepoint: TracepointEncoding,
  probes: readonly ProbeDefinition[],
): ImageCode {
  const sites = new ImageSites(probes.length);
  for (let index = 0; index < probes.length; ) {
    const argc = probes[index]!.types.length;
    sites.place(index++, asm.probe(argc, tracepoint));
    const size = sizeOfRun(probes, index, argc);
    if (size === 0) continue;
    // A program with thousands of probes has many of a kind in a row, and their code is the same.
    const start = asm.position;
    const site = asm.probe(argc, tracepoint);
    const stride = asm.position - start;
    asm.repeat(stride, size - 1);
    sites.placeRun(index, size, site, stride);
    index += size;
  }
  asm.align(64);
  const text = asm.finish();
  sites.readIdle(text, order);
  return { text, sites };
}

/** How many probes from `start` on have so many arguments. */
function sizeOfRun(probes: readonly ProbeDefinition[], start: number, argc: number): number {
  let end = start;
  while (end < probes.length && probes[end]!.types.length === argc) end++;
  return end - start;
}
