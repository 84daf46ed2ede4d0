/**
 * Which probes begin a span and which end it, and what tells that two events belong together: what `--latency`,
 * `--slice` and `--key` say.
 *
 * A span is named by the user (`request-start,request-done`) or recognised by the names of its probes. Its key is one or
 * more fields with the same values in both events; the process is always part of it. Without a key it is the first
 * argument if both probes have one, otherwise the thread.
 */

import { probeTitle } from '../catalogue/probe.ts';
import { UsageError } from '../errors.ts';
import { checkFields, type Field, parseField } from '../fields.ts';
import { type Pattern, parsePattern } from '../pattern.ts';
import type { TracedProbe } from '../sources/source.ts';
import { shown } from '../text.ts';

/** A span as the user asks for it. */
export interface SpanRequest {
  /** The option that says so, for messages. */
  readonly option: string;
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

export interface SpanSpec {
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

/** What a probe is in a span. */
export interface Role {
  readonly spec: SpanSpec;
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
 * @param option the option that names spans, for messages.
 * @param spans `START,DONE` each; the second is of the first's provider if it does not name one.
 * @param keys none, one for all, or one for each span: `arg0`, `arg0,arg2`, `arg0=arg1` (start's and done's), `tid`.
 * @throws UsageError
 */
export function parseSpans(
  option: string,
  spans: readonly string[] = [],
  keys: readonly string[] = [],
): SpanRequest[] {
  if (keys.length > 1 && keys.length !== spans.length)
    throw new UsageError(`give --key once for all, or once for each ${option}`);
  if (keys.length > 0 && spans.length === 0) throw new UsageError(`--key says something of ${option}`);
  return spans.map((text, index) => {
    const [start, done, ...rest] = text.split(',').map((part) => part.trim());
    if (!start || !done || rest.length > 0)
      throw new UsageError(
        `${option} takes two probes, as in ${option} request-start,request-done; it got "${shown(text)}"`,
      );
    const key = keys[index] ?? keys[0];
    return {
      option,
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
 * The patterns to trace: those given, and the probes of the spans. Names without a provider are meant among the probes
 * that the patterns choose, if there are any.
 */
export function patternsOf(given: readonly string[], requests: readonly SpanRequest[]): string[] {
  const named = requests.flatMap(({ start, done }) => [start.text, done.text]);
  return [...new Set([...given, ...named.filter((text) => given.length === 0 || text.includes(':'))])];
}

/**
 * @returns what is missing of the spans among the probes that are traced so far.
 * @throws UsageError for a key that a probe does not have.
 */
export function checkSpans(requests: readonly SpanRequest[], probes: readonly TracedProbe[]): string[] {
  const missing: string[] = [];
  if (probes.length === 0) return missing;
  for (const request of requests) {
    for (const side of ['start', 'done'] as const) {
      const pattern = request[side];
      const found = probes.filter((probe) => matches(pattern, probe));
      if (found.length === 0)
        missing.push(`${request.option}: no traced probe matches ${shown(pattern.text)} yet`);
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

type MutableSpec = { -readonly [Name in keyof SpanSpec]: SpanSpec[Name] };

interface SpecOptions {
  readonly requests: readonly SpanRequest[];
  /** Also find spans by the endings of their names. */
  readonly automatic: boolean;
}

/** Knows the roles of all probes that are traced, also as more of them appear. */
export class SpanSpecs {
  /** By `index`. The names in one become those of its probes when they appear. */
  readonly all: SpanSpec[] = [];
  private readonly options: SpecOptions;
  private readonly roles = new Map<TracedProbe, Role[]>();
  private readonly byName = new Map<string, MutableSpec>();
  private known = -1;

  constructor(options: SpecOptions) {
    this.options = options;
  }

  /** @throws UsageError */
  check(probes: readonly TracedProbe[]): string[] {
    return checkSpans(this.options.requests, probes);
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

  /** What it ends comes before what it begins. */
  rolesOf(probe: TracedProbe): readonly Role[] {
    return this.roles.get(probe) ?? NO_ROLES;
  }

  private add(
    name: string,
    starts: readonly TracedProbe[],
    dones: readonly TracedProbe[],
    request?: SpanRequest,
  ): void {
    let spec = this.byName.get(name);
    if (spec === undefined) {
      // Which key suits them can't be told before there are both.
      if (request?.key === undefined && (starts.length === 0 || dones.length === 0)) return;
      const key = request?.key ?? chooseKey(starts, dones);
      spec = {
        index: this.all.length,
        title: '',
        start: '',
        done: '',
        key,
        byThread: key.some((field) => field.start.name === 'tid' && field.done.name === 'tid'),
      };
      this.all.push(spec);
      this.byName.set(name, spec);
    }
    spec.start = titleOf(starts) ?? request!.start.text;
    spec.done = titleOf(dones) ?? request!.done.text;
    spec.title = spanTitle(spec.start, spec.done);
    for (const probe of starts)
      this.addRole(probe, { spec, side: 'start', fields: spec.key.map((field) => field.start) });
    for (const probe of dones)
      this.addRole(probe, { spec, side: 'done', fields: spec.key.map((field) => field.done) });
  }

  private addRole(probe: TracedProbe, role: Role): void {
    const roles = this.roles.get(probe);
    if (roles === undefined) this.roles.set(probe, [role]);
    else if (role.side === 'start') roles.push(role);
    // In front of all starts: what ends and begins by the same event is not within itself.
    else roles.splice(roles.filter(({ side }) => side === 'done').length, 0, role);
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

/** `arg0`, `arg0=arg1`. */
export function keyText({ start, done }: KeyField): string {
  return start.name === done.name ? start.name : `${start.name}=${done.name}`;
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
export function spanTitle(start: string, done: string): string {
  let common = 0;
  while (common < start.length && start[common] === done[common]) common++;
  const shared = start.slice(0, common).replace(/[^:_-]*$/, '');
  const title = shared.replace(/[:_-]+$/, '');
  // Only the provider is the same, and there is more to say: name both.
  if (title === '' || (shared.endsWith(':') && !/:(start|begin|entry)$/.test(start)))
    return `${start} .. ${done.startsWith(shared) ? done.slice(shared.length) : done}`;
  return title;
}
