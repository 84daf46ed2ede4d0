/**
 * Which probes begin something and which end it, and what tells that two events belong together.
 *
 * A pair is named by the user (`request-start,request-done`) or recognised by its names. Its key is one or more fields
 * with the same values in both events; the process is always part of it. Without a key it is the first argument if
 * both probes have one, otherwise the thread.
 * @module
 */

import { probeTitle } from './catalogue/probe.ts';
import { UsageError } from './errors.ts';
import { checkFields, type Field, parseField } from './fields.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { shown } from './text.ts';
import type { TracedProbe } from './tracer.ts';

/** A pair as the user asks for it. */
export interface PairRequest {
  readonly start: Pattern;
  readonly done: Pattern;
  /** Undefined: to be chosen. */
  readonly key: readonly KeyField[] | undefined;
}

/** The fields that have the same value in both events. */
export interface KeyField {
  readonly start: Field;
  readonly done: Field;
}

export interface Pair {
  /** Counted from 0; stays the same while further probes appear. */
  readonly index: number;
  /** What happens between the two: `webapp:request`. */
  readonly title: string;
  /** `webapp:request-start`, or the pattern of several. */
  readonly start: string;
  readonly done: string;
  readonly key: readonly KeyField[];
  /** The key has the thread: what begins within another on the same thread also ends within it. */
  readonly byThread: boolean;
}

/** What a probe is in a pair. */
export interface Role {
  readonly pair: Pair;
  readonly side: 'start' | 'done';
  /** The fields of this probe's events that make the key. */
  readonly fields: readonly Field[];
}

/** Endings of names that begin something, and those that end it, the usual one first. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  start: ['done', 'end'],
  begin: ['end'],
  entry: ['return'],
};
const BEGINNING = /^(?:(.*?)(-|__|_))?(start|begin|entry)$/;
const TID: Field = { name: 'tid', argument: -1 };
const FIRST: Field = { name: 'arg0', argument: 0 };

/**
 * @param option the option that names pairs, for messages.
 * @param pairs `START,DONE` each; the second is of the first's provider if it does not name one.
 * @param keys none, one for all, or one for each pair: `arg0`, `arg0,arg2`, `arg0=arg1` (start's and done's), `tid`.
 * @throws UsageError
 */
export function parsePairs(
  option: string,
  pairs: readonly string[] = [],
  keys: readonly string[] = [],
): PairRequest[] {
  if (keys.length > 1 && keys.length !== pairs.length)
    throw new UsageError(`give --key once for all, or once for each ${option}`);
  if (keys.length > 0 && pairs.length === 0) throw new UsageError(`--key says something of ${option}`);
  return pairs.map((text, index) => {
    const [start, done, ...rest] = text.split(',').map((part) => part.trim());
    if (!start || !done || rest.length > 0)
      throw new UsageError(
        `${option} takes two probes, as in ${option} request-start,request-done; it got "${shown(text)}"`,
      );
    const key = keys[index] ?? keys[0];
    return {
      start: parsePattern(start),
      done: parsePattern(done.includes(':') ? done : `${start.slice(0, start.lastIndexOf(':') + 1)}${done}`),
      key: key === undefined ? undefined : parseKey(key),
    };
  });
}

function parseKey(text: string): KeyField[] {
  return text.split(',').map((part) => {
    const [start, done, ...rest] = part.split('=');
    if (rest.length > 0)
      throw new UsageError(`--key: expected FIELD or START_FIELD=DONE_FIELD, got "${shown(part)}"`);
    return { start: parseField(start!, '--key'), done: parseField(done ?? start!, '--key') };
  });
}

/**
 * @returns what is missing of the pairs among the probes that are traced so far.
 * @throws UsageError for a key that a probe does not have.
 */
export function checkPairs(
  requests: readonly PairRequest[],
  probes: readonly TracedProbe[],
  option: string,
): string[] {
  const missing: string[] = [];
  if (probes.length === 0) return missing;
  for (const request of requests) {
    for (const side of ['start', 'done'] as const) {
      const pattern = request[side];
      const found = probes.filter((probe) => matches(pattern, probe));
      if (found.length === 0) missing.push(`${option}: no traced probe matches ${shown(pattern.text)} yet`);
      checkFields(
        (request.key ?? []).map((field) => field[side]),
        found,
        '--key',
        `probe ${shown(pattern.text)}`,
      );
    }
  }
  return missing;
}

type MutablePair = { -readonly [Name in keyof Pair]: Pair[Name] };

interface PairOptions {
  readonly requests: readonly PairRequest[];
  /** Also find pairs by the endings of their names. */
  readonly automatic: boolean;
}

/** Knows the roles of all probes that are traced, also as more of them appear. */
export class Pairing {
  /** The names of a pair become those of its probes when they appear. */
  readonly pairs: Pair[] = [];
  private readonly options: PairOptions;
  private readonly roles = new Map<TracedProbe, Role[]>();
  private readonly byName = new Map<string, MutablePair>();
  private known = -1;

  constructor(options: PairOptions) {
    this.options = options;
  }

  /** To be called before `rolesOf` when there may be new probes. */
  update(probes: readonly TracedProbe[]): void {
    if (probes.length === this.known) return;
    this.known = probes.length;
    this.roles.clear();
    const taken = new Set<TracedProbe>();
    for (const [index, request] of this.options.requests.entries()) {
      const starts = probes.filter((probe) => matches(request.start, probe));
      const dones = probes.filter((probe) => matches(request.done, probe));
      for (const probe of [...starts, ...dones]) taken.add(probe);
      this.add(`request ${index}`, starts, dones, request);
    }
    if (this.options.automatic) this.findAutomatic(probes.filter((probe) => !taken.has(probe)));
  }

  rolesOf(probe: TracedProbe): readonly Role[] {
    return this.roles.get(probe) ?? NO_ROLES;
  }

  private add(
    name: string,
    starts: readonly TracedProbe[],
    dones: readonly TracedProbe[],
    request?: PairRequest,
  ): void {
    let pair = this.byName.get(name);
    if (pair === undefined) {
      // Which key suits them can't be told before there are both.
      if (request?.key === undefined && (starts.length === 0 || dones.length === 0)) return;
      const key = request?.key ?? chooseKey(starts, dones);
      pair = {
        index: this.pairs.length,
        title: '',
        start: '',
        done: '',
        key,
        byThread: key.some((field) => field.start.name === 'tid' && field.done.name === 'tid'),
      };
      this.pairs.push(pair);
      this.byName.set(name, pair);
    }
    pair.start = titleOf(starts) ?? request!.start.text;
    pair.done = titleOf(dones) ?? request!.done.text;
    pair.title = sliceTitle(pair.start, pair.done);
    for (const probe of starts)
      this.addRole(probe, { pair, side: 'start', fields: pair.key.map((field) => field.start) });
    for (const probe of dones)
      this.addRole(probe, { pair, side: 'done', fields: pair.key.map((field) => field.done) });
  }

  private addRole(probe: TracedProbe, role: Role): void {
    const roles = this.roles.get(probe);
    if (roles) roles.push(role);
    else this.roles.set(probe, [role]);
  }

  private findAutomatic(probes: readonly TracedProbe[]): void {
    const byTitle = new Map<string, TracedProbe[]>();
    for (const probe of probes) {
      const same = byTitle.get(probeTitle(probe));
      if (same) same.push(probe);
      else byTitle.set(probeTitle(probe), [probe]);
    }
    for (const [title, starts] of byTitle) {
      const { provider, name } = starts[0]!;
      const [, base, separator = '', ending] = BEGINNING.exec(name) ?? [];
      if (ending === undefined) continue;
      for (const end of ENDINGS[ending]!) {
        const dones = byTitle.get(probeTitle({ provider, name: `${base ?? ''}${separator}${end}` }));
        if (dones === undefined) continue;
        this.add(title, starts, dones);
        break;
      }
    }
  }
}

const NO_ROLES: readonly Role[] = [];

function matches(pattern: Pattern, probe: TracedProbe): boolean {
  return pattern.matches(probe.site) && pattern.matchesFile({ path: probe.file });
}

/** Undefined for none, or for several different ones. */
function titleOf(probes: readonly TracedProbe[]): string | undefined {
  const titles = new Set(probes.map(probeTitle));
  return titles.size === 1 ? [...titles][0] : undefined;
}

/** Functions nest on their thread; everything else may overlap, and its first argument tells which it is. */
function chooseKey(starts: readonly TracedProbe[], dones: readonly TracedProbe[]): KeyField[] {
  const functions = starts.every(({ name }) => BEGINNING.exec(name)?.[3] === 'entry');
  const firsts = [...starts, ...dones].every((probe) => probe.arguments.length > 0);
  const field = firsts && !functions ? FIRST : TID;
  return [{ start: field, done: field }];
}

/** `webapp:request-start`, `webapp:request-done` -> `webapp:request`. */
export function sliceTitle(start: string, done: string): string {
  let common = 0;
  while (common < start.length && start[common] === done[common]) common++;
  const shared = start.slice(0, common).replace(/[^:_-]*$/, '');
  const title = shared.replace(/[:_-]+$/, '');
  // Only the provider is the same, and there is more to say: name both.
  if (title === '' || (shared.endsWith(':') && !/:(start|begin|entry)$/.test(start)))
    return `${start} .. ${done.startsWith(shared) ? done.slice(shared.length) : done}`;
  return title;
}
