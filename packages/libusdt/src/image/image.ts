/**
 * Definition + target -> the bytes of an image: one small shared object with a function per probe, the tracepoint
 * in each, and the notes that tell tracers of them. Pure and deterministic: the same definition for the same target
 * gives the same bytes, so every process that uses it maps the same file, and a tracer that attaches to the file
 * (tracers on Linux attach by inode) sees them all.
 *
 * Text and notes only: no Node-API, no relocations, nothing that is written to but the dynamic section.
 * One symbol is exported, `libusdt_text`, the start of the code; all other places are offsets from it.
 * @module
 */

import { createAssembler } from '../asm/index.ts';
import {
  BUILD_ID_SIZE,
  planSharedObject,
  type SharedObjectPlan,
  writeSharedObject,
} from '../object/elf/shared-object.ts';
import { sha256 } from '../object/sha256.ts';
import type { Attributes } from '../provider/attributes.ts';
import { encodeDeclarations } from '../sdt/declaration.ts';
import { sdtName } from '../sdt/name.ts';
import { encodeStapsdtNotes } from '../sdt/note.ts';
import { argumentString } from '../sdt/operands.ts';
import type { Target, TracepointEncoding } from '../target.ts';
import type { CType } from '../types/ctypes.ts';
import { imageDof } from './dof.ts';

export interface ProbeDefinition {
  readonly name: string;
  readonly function: string;
  readonly types: readonly CType[];
}

export interface ImageDefinition {
  readonly provider: string;
  readonly module: string;
  /** For DTrace. Default: those of a provider that says nothing of them. */
  readonly attributes?: Attributes;
  readonly probes: readonly ProbeDefinition[];
}

/** Where a probe lies, in bytes from `libusdt_text`. */
export interface ImageSite {
  readonly entry: number;
  readonly site: number;
  /** The 32-bit word at `site` while nobody traces. */
  readonly idle: number;
}

export interface Image {
  readonly bytes: Uint8Array;
  /** What stands at the tracepoints. */
  readonly tracepoint: TracepointEncoding;
  /** Depends on everything that is in the image. */
  readonly buildId: Uint8Array;
  readonly textSize: number;
  readonly sites: readonly ImageSite[];
  /** Where the DOF document lies, if there is one. */
  readonly dof: ImageDof | undefined;
}

export interface ImageDof {
  /** Both in bytes from `libusdt_text`: the document, and the start of the object, which its addresses count from. */
  readonly document: number;
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** What dlsym(3) finds in every image. */
export const TEXT_SYMBOL = 'libusdt_text';

/** Deterministic: the same definition for the same target gives the same bytes. */
export function buildImage(definition: ImageDefinition, target: Target): Image {
  const { probes } = definition;
  const provider = sdtName(definition.provider);
  const asm = createAssembler(target.arch);
  const places = probes.map(({ types }) => asm.probe(types.length, target.tracepoint));
  asm.align(64);
  const text = asm.finish();

  const plan: SharedObjectPlan = {
    arch: target.arch,
    textSize: text.length,
    textAlign: 64,
    exports: [TEXT_SYMBOL],
    imports: [],
    dataSize: 0,
    stapsdtBase: true,
  };
  const { textAddress } = planSharedObject(plan);
  const dof = target.dof ? imageDof({ ...definition, places, textAddress }) : undefined;
  const layout = planSharedObject({ ...plan, dofSize: dof?.length ?? 0 });
  const base = layout.stapsdtBaseAddress;
  const operands = new Map<string, string>();
  const stapsdt = encodeStapsdtNotes(
    probes.map(({ name, types }, index) => {
      const key = types.map(({ size, signed }) => (signed ? -size : size)).join();
      const args = operands.get(key) ?? argumentString(target.arch, types);
      operands.set(key, args);
      return {
        pc: textAddress + places[index]!.site,
        base,
        semaphore: 0,
        provider,
        name: sdtName(name),
        args,
      };
    }),
    ELF64_LSB,
  );
  const declarations = encodeDeclarations(
    probes.map(({ name, function: functionName, types }, index) => ({
      pc: textAddress + places[index]!.site,
      provider: definition.provider,
      module: definition.module,
      function: functionName,
      name,
      types: types.map((type) => type.name),
    })),
    ELF64_LSB,
  );
  const buildId = sha256(text, stapsdt, declarations, ...(dof ? [dof] : [])).subarray(0, BUILD_ID_SIZE);

  const bytes = writeSharedObject(layout, {
    text,
    ...(dof && { dof }),
    exports: [{ name: TEXT_SYMBOL, offset: 0, size: text.length }],
    symbols: places.map(({ entry, end }, index) => ({
      name: `${provider}__${sdtName(probes[index]!.name)}`,
      offset: entry,
      size: end - entry,
    })),
    notes: [
      { section: '.note.libusdt', bytes: declarations },
      { section: '.note.stapsdt', bytes: stapsdt },
    ],
    buildId,
  });
  const view = new DataView(text.buffer, text.byteOffset, text.length);
  return {
    bytes,
    tracepoint: target.tracepoint,
    buildId,
    textSize: text.length,
    sites: places.map(({ entry, site }) => ({ entry, site, idle: view.getInt32(site, true) })),
    dof: dof && { document: layout.dofAddress - textAddress, base: -textAddress, bytes: dof },
  };
}

const ELF64_LSB = { class: 64, data: 'lsb' } as const;
