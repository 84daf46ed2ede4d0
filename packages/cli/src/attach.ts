/**
 * Attaches to probe sites: one uprobe event each, in our own instance and group.
 * @module
 */

import * as fs from 'node:fs';
import type { Match } from './catalogue/discovery.ts';
import { readElfSymbols } from './catalogue/elf-file.ts';
import { reopen } from './catalogue/open-file.ts';
import type { ProbeFile, ProbeSite } from './catalogue/probe.ts';
import { FileSizeError } from './catalogue/sparse-file.ts';
import { symbolAddresses } from './catalogue/symbols.ts';
import { type ArgumentReader, argumentReaders, textFields } from './ringbuffer/decoder.ts';
import { type FetchArgument, fetchArgument } from './tracefs/fetch-args.ts';
import { parseEventFormat } from './tracefs/format.ts';
import type { Instance } from './tracefs/instance.ts';
import { symbolsOfOperand } from './tracefs/operands.ts';
import { eventDefinition, eventName, withKernelPath } from './tracefs/uprobe-events.ts';
import { type ArgumentType, argumentTypes, isText, type TypeOverride } from './types.ts';
import { splitWhere, type Where } from './where.ts';

export interface TracedArgument extends ArgumentType {
  /** Why the kernel can't deliver it; undefined if it can. */
  readonly problem: string | undefined;
}

/** A probe site that is being traced. */
export interface TracedProbe {
  /** Counted from 0. */
  readonly index: number;
  readonly provider: string;
  readonly name: string;
  /** For people. */
  readonly file: string;
  readonly site: ProbeSite;
  readonly arguments: readonly TracedArgument[];
}

/** A traced probe, and how to read its records. */
export interface Attachment {
  readonly probe: TracedProbe;
  /** The kernel's number of the event. */
  readonly id: number;
  readonly event: string;
  readonly readers: readonly ArgumentReader[];
  /** As of `textFields`. */
  readonly texts: readonly number[];
  /** What of the filter the kernel does not decide. */
  readonly rest: Where | undefined;
}

/** How the arguments of a site will be fetched. */
export function planFetches(
  file: ProbeFile,
  site: ProbeSite,
  types: readonly ArgumentType[],
): FetchArgument[] {
  const { arch } = file;
  const { address, offset } = site;
  if (arch === undefined || address === undefined || offset === undefined) {
    const reason =
      arch === undefined
        ? `the operands of this architecture (e_machine ${file.machine}) are not known`
        : 'the probe is not in a loaded segment';
    return site.arguments.map(() => ({ expressible: false, reason }));
  }
  const names = new Set(site.arguments.flatMap(({ operand }) => symbolsOfOperand(operand, arch)));
  const symbols = names.size > 0 ? readSymbols(file, names) : new Map<string, bigint>();
  const context = {
    arch,
    fixed: file.fixed,
    symbol: (name: string) => symbols.get(name),
    address,
    offset,
  };
  return site.arguments.map((argument, index) => fetchArgument(argument, context, isText(types[index]!)));
}

/** Without symbols, their operands can't be fetched: what is too large has none. */
function readSymbols(file: ProbeFile, names: ReadonlySet<string>): Map<string, bigint> {
  const fd = reopen(file);
  try {
    return symbolAddresses(readElfSymbols(fd), names);
  } catch (error) {
    if (!(error instanceof FileSizeError)) throw error;
    return new Map();
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Defines the event of a site and sets its filter; it still has to be enabled.
 * @throws FailureError when the kernel refuses the event.
 */
export function attach(
  instance: Instance,
  { file, site }: Match,
  index: number,
  overrides: readonly TypeOverride[],
  where: Where | undefined,
): Attachment {
  const types = argumentTypes(file, site, overrides);
  const fetches = planFetches(file, site, types);
  const fetchTexts = fetches.flatMap((fetch, n) => (fetch.expressible ? [`arg${n}=${fetch.text}`] : []));
  const event = eventName(site, index);
  withKernelPath(file, (path) =>
    instance.define(eventDefinition(instance.name, event, path, site, fetchTexts)),
  );

  const folder = `events/${instance.name}/${event}`;
  const format = parseEventFormat(instance.read(`${folder}/format`));
  let rest = where;
  if (where) {
    const fields = fetches.map((fetch, n) => {
      const type = types[n]!;
      const plain =
        fetch.expressible && fetch.plain && !fetch.string && type.scale === 1 && type.kind !== 'float';
      const signed = fetch.expressible && fetch.signed;
      // A declared type of the other sign: compare here, where it is known.
      return plain && (type.signed ?? signed) === signed ? { size: fetch.size, signed } : undefined;
    });
    const split = splitWhere(where, fields);
    if (split.kernel === undefined || instance.tryWrite(`${folder}/filter`, split.kernel)) rest = split.rest;
  }
  return {
    probe: {
      index,
      provider: site.provider,
      name: site.name,
      file: file.path,
      site,
      arguments: types.map((type, n) => {
        const fetch = fetches[n]!;
        return { ...type, problem: fetch.expressible ? undefined : fetch.reason };
      }),
    },
    id: format.id,
    event,
    readers: argumentReaders(format, fetches, types),
    texts: textFields(format, fetches),
    rest,
  };
}
