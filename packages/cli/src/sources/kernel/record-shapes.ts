/**
 * Which sites may share an event of the kernel. All places of an event have arguments of the same names and types: its
 * slots. Sites whose arguments have the same types in the same order have the same slots, and their records have
 * nothing else in them.
 *
 * Where that would make many events, sites of other shapes are put together too: integers in registers are taken as
 * whole registers, arguments are sorted by type, and what a site lacks is filled with a value that nobody reads. Then a
 * record has some more bytes, and however many shapes there are, `usdt` ends as fast as with MAX_EVENTS of them.
 */

import type { FetchArgument } from './fetch-args.ts';

/** What there is to know of a site's arguments. */
export interface Fetched {
  readonly fetches: readonly FetchArgument[];
  /** For the event's `filter` file, in terms of `arg0`, `arg1`...; undefined for no filter. */
  readonly filter: string | undefined;
}

/** An argument of an event. */
interface Slot {
  readonly name: string;
  readonly type: string;
}

export interface Shape {
  readonly slots: readonly Slot[];
  /** Integers in registers are taken as whole registers. */
  readonly whole: boolean;
}

/** How a site fills the slots. */
export interface Filled {
  /** For the definition: a text for each slot. */
  readonly texts: readonly string[];
  /** For each argument of the site the slot's name; undefined for what the kernel can't fetch. */
  readonly names: readonly (string | undefined)[];
}

export interface ShapeGroup<Plan> {
  readonly shape: Shape;
  readonly plans: readonly Plan[];
}

/** Beyond that, shapes are put together. Each costs some 50 ms at the end. */
const MAX_EVENTS = 10;
/** Of what is put together: as many as a probe of libusdt has arguments, so that its texts still fit into a record. */
const MAX_SLOTS = 32;
/** Bytes: an empty slot for text has the place of the text, and the name of the thread. */
const EMPTY_TEXT = 12;

/** The shape that a site has by itself. */
export function ownShape({ fetches }: Fetched): Shape {
  const slots = fetches.flatMap((fetch, n) =>
    fetch.expressible ? [{ name: `arg${n}`, type: typeOf(fetch.text) }] : [],
  );
  return { slots, whole: false };
}

/** How a site fills the slots of a shape that it has by itself, or that it was grouped into. */
export function fill({ slots, whole }: Shape, { fetches }: Fetched): Filled {
  const names: (string | undefined)[] = fetches.map(() => undefined);
  const texts = slots.map(({ name, type }) => {
    for (const [n, fetch] of fetches.entries()) {
      const text = fetch.expressible && names[n] === undefined ? textOf(fetch, whole) : undefined;
      if (text === undefined || typeOf(text) !== type) continue;
      names[n] = name;
      return `${name}=${text}`;
    }
    return `${name}=${isText(type) ? '$comm' : '\\0'}:${type}`;
  });
  return { texts, names };
}

/** The sites by the event that they may share. */
export function groupByShape<Plan extends Fetched>(plans: readonly Plan[]): ShapeGroup<Plan>[] {
  const own = groupBy(plans, (plan) => JSON.stringify([ownShape(plan).slots, plan.filter]));
  // A filter names arguments, so that they must be where they are.
  const isFixed = ([plan]: readonly Plan[]): boolean =>
    own.length <= MAX_EVENTS || plan!.filter !== undefined;
  const fixed = own.filter(isFixed);
  const free = own.filter((group) => !isFixed(group)).flat();
  return [
    ...fixed.map((group) => ({ shape: ownShape(group[0]!), plans: group })),
    ...merged(free, Math.max(1, MAX_EVENTS - fixed.length)),
  ];
}

/** Sites that share an event, and how many arguments of each type they have at most. */
interface Merged<Plan> {
  readonly counts: ReadonlyMap<string, number>;
  readonly plans: readonly Plan[];
}

function merged<Plan extends Fetched>(plans: readonly Plan[], most: number): ShapeGroup<Plan>[] {
  const groups = groupBy(plans, (plan) => JSON.stringify([...countTypes(plan)]))
    .map((group): Merged<Plan> => ({ counts: countTypes(group[0]!), plans: group }))
    .sort((a, b) => texts(a) - texts(b) || size(a.counts) - size(b.counts));
  // Neighbours only: those are the ones that have most in common.
  const wastes = groups.slice(1).map((group, at) => wasteOf(groups[at]!, group));
  while (groups.length > most) {
    const least = Math.min(...wastes);
    if (least === Number.POSITIVE_INFINITY) break;
    const at = wastes.indexOf(least);
    groups.splice(at, 2, merge(groups[at]!, groups[at + 1]!));
    wastes.splice(at, 1);
    for (const left of [at - 1, at])
      if (left >= 0 && left < wastes.length) wastes[left] = wasteOf(groups[left]!, groups[left + 1]!);
  }
  return groups.map(({ counts, plans: own }) => ({
    shape: { slots: slotsOf(counts), whole: true },
    plans: own,
  }));
}

function merge<Plan>(a: Merged<Plan>, b: Merged<Plan>): Merged<Plan> {
  const types = [...new Set([...a.counts.keys(), ...b.counts.keys()])].sort();
  const counts = types.map(
    (type) => [type, Math.max(a.counts.get(type) ?? 0, b.counts.get(type) ?? 0)] as const,
  );
  return { counts: new Map(counts), plans: [...a.plans, ...b.plans] };
}

/** Bytes that the records of all sites would have in vain; Infinity where the slots would be too many. */
function wasteOf<Plan>(a: Merged<Plan>, b: Merged<Plan>): number {
  const { counts, plans } = merge(a, b);
  if (slotsOf(counts).length > MAX_SLOTS) return Number.POSITIVE_INFINITY;
  return size(counts) * plans.length - size(a.counts) * a.plans.length - size(b.counts) * b.plans.length;
}

/** Types in a fixed order. */
function countTypes({ fetches }: Fetched): Map<string, number> {
  const counts = new Map<string, number>();
  const types = fetches.flatMap((fetch) => (fetch.expressible ? [typeOf(textOf(fetch, true))] : []));
  for (const type of types.sort()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

function slotsOf(counts: ReadonlyMap<string, number>): Slot[] {
  const types = [...counts].flatMap(([type, count]) => Array.from({ length: count }, () => type));
  return types.map((type, n) => ({ name: `arg${n}`, type }));
}

function texts<Plan>({ counts }: Merged<Plan>): number {
  return counts.get('string') ?? 0;
}

function size(counts: ReadonlyMap<string, number>): number {
  let bytes = 0;
  // `u32`, `b8@8/16`: the bits of the field are what ends it.
  for (const [type, count] of counts)
    bytes += count * (isText(type) ? EMPTY_TEXT : Number(/\d+$/.exec(type)) / 8);
  return bytes;
}

function isText(type: string): boolean {
  return type === 'string';
}

function textOf(fetch: Extract<FetchArgument, { expressible: true }>, whole: boolean): string {
  return (whole && fetch.whole) || fetch.text;
}

/** `u32` of `%di:u32`. */
function typeOf(text: string): string {
  return text.slice(text.lastIndexOf(':') + 1);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}
