/**
 * Attaches to probe sites: by uprobe events in our own instance and group, of which one may be for many sites.
 */

import type { Match } from '../../catalogue/discovery.ts';
import type { Instance } from '../../tracefs/instance.ts';
import { type ArgumentType, argumentTypes, type TypeOverride } from '../../types.ts';
import { type KernelField, splitWhere, type Where } from '../../where.ts';
import type { RecordLayout } from '../record.ts';
import type { TracedProbe } from '../source.ts';
import type { FetchArgument } from './fetch-args.ts';
import { planFetches } from './plan-fetches.ts';
import { fill } from './record-shapes.ts';
import { argumentReaders, textFields } from './ringbuffer/decoder.ts';
import { enableShared, type SitePlan } from './shared-events.ts';

/** A traced probe, and how to read its records. */
export interface Attachment extends RecordLayout {
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
  if (type.scale !== 1 || type.kind === 'double' || (type.signed ?? signed) !== signed) return undefined;
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
