/**
 * DTrace's own notes, of the section `.note.usdt` -> probe sites. A tracepoint's note has the operands, and its provider's
 * note the C types; a program may lack the latter.
 */

import {
  decodeText,
  decodeUsdtNotes,
  type ElfFile,
  type UsdtProbe,
  type UsdtTracepoint,
} from 'libusdt/codecs';
import { argumentsOf } from './arguments.ts';
import type { CodeSpace } from './code-space.ts';
import { obstacle, type ProbeFilter, translation } from './dof-probes.ts';
import { USDT_SECTION } from './elf-file.ts';
import type { Quota } from './limits.ts';
import { type ProbeSite, probeTitle } from './probe.ts';
import type { Need } from './sparse-file.ts';

/** A function's name is not longer; a C++ compiler's `__func__` has no parameters. */
const NAME_BYTES = 1024;

export interface UsdtContext {
  readonly elf: ElfFile;
  readonly need: Need | undefined;
  readonly space: CodeSpace;
  readonly module: string | undefined;
  readonly untraceable: string | undefined;
  /** The place in the file of an address. */
  readonly offsetOf: (address: bigint) => bigint | undefined;
}

/** @throws ElfError for a malformed note. */
export function probesOfUsdtNotes(context: UsdtContext, quota: Quota, wanted?: ProbeFilter): ProbeSite[] {
  const { elf, space, module } = context;
  const section = elf.section(USDT_SECTION);
  if (!section) return [];
  const { tracepoints, providers } = decodeUsdtNotes(elf.data(section), elf.format);
  const declared = new Map<string, UsdtProbe>();
  for (const { name, probes } of providers)
    for (const probe of probes) declared.set(probeTitle({ provider: name, name: probe.name }), probe);

  const groups = new Map<string, UsdtTracepoint[]>();
  for (const tracepoint of tracepoints) {
    const { provider, name, functionAddress } = tracepoint;
    if (wanted && !wanted({ provider, name, sdtProvider: provider, sdtName: name })) continue;
    const key = `${functionAddress} ${probeTitle(tracepoint)}`;
    const group = groups.get(key);
    if (group) group.push(tracepoint);
    else groups.set(key, [tracepoint]);
  }
  const sites: ProbeSite[] = [];
  for (const group of groups.values()) {
    const { provider, name: sdtName, functionAddress } = group[0]!;
    const name = sdtName.replaceAll('__', '-');
    const probe = declared.get(probeTitle({ provider, name }));
    const fired = group.filter(({ isEnabled }) => !isEnabled);
    const common = {
      ...{ provider, name, sdtProvider: provider, sdtName },
      formats: ['usdt'] as const,
      module,
      function: functionName(context, functionAddress),
      enabledAddresses: group.filter(({ isEnabled }) => isEnabled).map(({ pc }) => pc),
      semaphoreAddress: undefined,
      semaphoreOffset: undefined,
      translated: probe && translation(probe),
    };
    for (const tracepoint of fired.length > 0 ? fired : [undefined]) {
      const address = tracepoint?.pc;
      const offset = address === undefined ? undefined : space.offsetOf(address);
      const argumentText = tracepoint?.args ?? '';
      const args = argumentsOf(argumentText, probe?.nativeTypes);
      if (!quota.take(args.length)) return sites;
      sites.push({
        ...common,
        address,
        offset,
        untraceable: context.untraceable ?? obstacle(address, offset),
        arguments: args,
        argumentText,
        code: space.codeAt(offset),
      });
    }
  }
  return sites;
}

function functionName({ elf, need, offsetOf }: UsdtContext, address: bigint): string | undefined {
  const offset = offsetOf(address);
  if (offset === undefined || offset >= BigInt(elf.bytes.length)) return undefined;
  const start = Number(offset);
  need?.(start, NAME_BYTES);
  const bytes = elf.bytes.subarray(start, start + NAME_BYTES);
  const end = bytes.indexOf(0);
  return end > 0 ? decodeText(bytes.subarray(0, end)) : undefined;
}
