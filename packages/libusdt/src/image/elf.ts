/**
 * An image as an ELF shared object: Linux (SDT notes, and a DOF document where DTrace's daemon wants one), illumos and
 * FreeBSD (a DOF document).
 * @module
 */

import { ELFOSABI_FREEBSD, ELFOSABI_NONE, ELFOSABI_SOLARIS } from '../object/elf/constants.ts';
import {
  BUILD_ID_SIZE,
  planSharedObject,
  type SharedObjectPlan,
  writeSharedObject,
} from '../object/elf/shared-object.ts';
import { sha256 } from '../object/sha256.ts';
import { encodeDeclarations } from '../sdt/declaration.ts';
import { sdtName } from '../sdt/name.ts';
import { encodeStapsdtNotes } from '../sdt/note.ts';
import { argumentString } from '../sdt/operands.ts';
import type { Arch, Target, TargetSystem } from '../target.ts';
import { imageDof } from './dof.ts';
import { type ImageCode, type ImageDefinition, type ImageObject, TEXT_SYMBOL } from './image.ts';

const ELF64_LSB = { class: 64, data: 'lsb' } as const;

/** As these systems' linkers write it. */
const OSABI: Readonly<Record<Exclude<TargetSystem, 'darwin'>, number>> = {
  linux: ELFOSABI_NONE,
  illumos: ELFOSABI_SOLARIS,
  freebsd: ELFOSABI_FREEBSD,
};

/**
 * glibc's loader copies the program headers onto its stack, 56 bytes each, and threads have small ones. Beyond, dtrace
 * shows the probes of a process twice when it is asked for that process only.
 */
const MOST_HIDDEN = 1000;

export function buildElfImage(
  definition: ImageDefinition,
  target: Target & { readonly os: keyof typeof OSABI },
  { text, places }: ImageCode,
): ImageObject {
  const { probes } = definition;
  const provider = sdtName(definition.provider);
  const linux = target.os === 'linux';
  const hiddenCount = linux && target.dof && probes.length <= MOST_HIDDEN ? probes.length : 0;
  const plan: SharedObjectPlan = {
    arch: target.arch,
    osabi: OSABI[target.os],
    textSize: text.length,
    textAlign: 64,
    exports: [TEXT_SYMBOL],
    imports: [],
    dataSize: 0,
    stapsdtBase: linux,
    hiddenCount,
  };
  const { textAddress } = planSharedObject(plan);
  const wanted = target.dof || !linux;
  const dof = wanted ? imageDof({ ...definition, places, textAddress, dofAddress: 0 }, target) : undefined;
  const layout = planSharedObject({ ...plan, dofSize: dof?.length ?? 0 });
  const addresses = places.map(({ site }) => textAddress + site);
  const stapsdt = linux
    ? stapsdtNotes(definition, target.arch, addresses, layout.stapsdtBaseAddress)
    : new Uint8Array(0);
  const declarations = encodeDeclarations(
    probes.map(({ name, function: functionName, types }, index) => ({
      pc: addresses[index]!,
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
    hidden: addresses.slice(0, hiddenCount),
    exports: [{ name: TEXT_SYMBOL, offset: 0, size: text.length }],
    symbols: places.map(({ entry, end }, index) => ({
      name: `${provider}__${sdtName(probes[index]!.name)}`,
      offset: entry,
      size: end - entry,
    })),
    notes: [
      { section: '.note.libusdt', bytes: declarations },
      ...(linux ? [{ section: '.note.stapsdt', bytes: stapsdt }] : []),
    ],
    buildId,
  });
  return { bytes, buildId, textAddress, dof: dof && { address: layout.dofAddress, bytes: dof } };
}

function stapsdtNotes(
  { provider, probes }: ImageDefinition,
  arch: Arch,
  addresses: readonly number[],
  base: number,
): Uint8Array {
  const operands = new Map<string, string>();
  return encodeStapsdtNotes(
    probes.map(({ name, types }, index) => {
      const key = types.map(({ size, signed }) => (signed ? -size : size)).join();
      const args = operands.get(key) ?? argumentString(arch, types);
      operands.set(key, args);
      return {
        pc: addresses[index]!,
        base,
        semaphore: 0,
        provider: sdtName(provider),
        name: sdtName(name),
        args,
      };
    }),
    ELF64_LSB,
  );
}
