/**
 * Attaches to probe sites: by uprobe events in our own instance and group, of which one may be for many sites.
 * @module
 */

import * as fs from 'node:fs';
import type { Match } from './catalogue/discovery.ts';
import { readElfSymbols } from './catalogue/elf-file.ts';
import { reopen } from './catalogue/open-file.ts';
import type { ProbeFile, ProbeSite } from './catalogue/probe.ts';
import { FileSizeError } from './catalogue/sparse-file.ts';
import { symbolAddresses } from './catalogue/symbols.ts';
import { fill } from './record-shapes.ts';
import { type ArgumentReader, argumentReaders, textFields } from './ringbuffer/decoder.ts';
import { enableShared, type SitePlan } from './shared-events.ts';
import { type FetchArgument, fetchArgument, symbolsOfOperand } from './tracefs/fetch-args.ts';
import type { Instance } from './tracefs/instance.ts';
import { type ArgumentType, argumentTypes, isText, type TypeOverride } from './types.ts';
import { type KernelField, splitWhere, type Where } from './where.ts';

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
  readonly readers: readonly ArgumentReader[];
  /** As of `textFields`. */
  readonly texts: readonly number[];
  /** What of the filter the kernel does not decide. */
  readonly rest: Where | undefined;
}

/** An event of the kernel, and the probes whose records it makes. */
export interface AttachedEvent {
  /** The kernel's number of the event. */
  readonly id: number;
  /** By the number in the record. */
  readonly attachments: readonly Attachment[];
  /** Where in the record the number of the probe is, two bytes; undefined where there is only one probe. */
  readonly numberAt: number | undefined;
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

/** How a site is traced, as far as that can be said without the kernel. */
interface Plan extends SitePlan {
  readonly types: readonly ArgumentType[];
  /** What of the filter the kernel does not decide, if it takes its part. */
  readonly rest: Where | undefined;
}

function plan({ file, site }: Match, overrides: readonly TypeOverride[], where: Where | undefined): Plan {
  const types = argumentTypes(file, site, overrides);
  const fetches = planFetches(file, site, types);
  const { kernel: filter, rest } = where
    ? splitWhere(
        where,
        fetches.map((fetch, n) => kernelField(fetch, types[n]!)),
      )
    : { kernel: undefined, rest: undefined };
  return { file, site, types, fetches, filter, rest };
}

/** What the kernel may compare. */
function kernelField(fetch: FetchArgument, type: ArgumentType): KernelField | undefined {
  if (!fetch.expressible || !fetch.plain || fetch.string) return undefined;
  const { size, signed } = fetch;
  // A declared type of the other sign: compared here, where it is known.
  if (type.scale !== 1 || type.kind === 'float' || (type.signed ?? signed) !== signed) return undefined;
  return { size, signed };
}

/** What came of an attempt: the probe, or why there is none. */
export type Attached = { readonly attachment: Attachment } | { readonly refused: unknown };

/**
 * Attaches to sites that were found at one time.
 * @param next number of the first new probe.
 * @returns what came of each, in their order; and their events, enabled.
 */
export function attach(
  instance: Instance,
  matches: readonly Match[],
  next: number,
  overrides: readonly TypeOverride[],
  where: Where | undefined,
): { readonly attached: readonly Attached[]; readonly events: readonly AttachedEvent[] } {
  const plans = matches.map((match): Plan | { readonly refused: unknown } => {
    try {
      return plan(match, overrides, where);
    } catch (refused) {
      return { refused };
    }
  });
  const shared = enableShared(
    instance,
    plans.filter((each): each is Plan => !('refused' in each)),
  );
  const formats = new Map(
    shared.events.flatMap((event) => event.plans.map((each) => [each, event] as const)),
  );
  const attachments = new Map<Plan, Attachment>();
  const attached = plans.map((each): Attached => {
    if ('refused' in each) return each;
    const event = formats.get(each);
    if (event === undefined) return { refused: shared.refused.get(each) };
    const { names } = fill(event.shape, each);
    const attachment: Attachment = {
      probe: probeOf(each, next + attachments.size),
      readers: argumentReaders(event.format, names, each.fetches, each.types),
      texts: textFields(event.format, names, each.fetches),
      rest: event.filtered ? each.rest : where,
    };
    attachments.set(each, attachment);
    return { attachment };
  });
  const events = shared.events.map(({ format, numberAt, plans: own }) => ({
    id: format.id,
    numberAt,
    attachments: own.map((each) => attachments.get(each)!),
  }));
  return { attached, events };
}

function probeOf({ file, site, types, fetches }: Plan, index: number): TracedProbe {
  return {
    index,
    provider: site.provider,
    name: site.name,
    file: file.path,
    site,
    arguments: types.map((type, n) => {
      const fetch = fetches[n]!;
      return { ...type, problem: fetch.expressible ? undefined : fetch.reason };
    }),
  };
}
