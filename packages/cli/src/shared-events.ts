/**
 * Probe sites -> events of the kernel: sites whose records look alike share one.
 *
 * To disable an event the kernel waits until no processor can be in its handlers any more, some 45 ms, however many
 * places the event has (`__probe_event_disable` in kernel/trace/trace_uprobe.c: `uprobe_unregister_sync`); and it
 * disables one event after the other. So what counts at the end is the number of events. Since Linux 5.4 an event may
 * have many places, if the arguments of all have the same names and types (`trace_probe_compare_arg_type` in
 * kernel/trace/trace_probe.c); where each argument is found may differ. A first argument that is a number, other at
 * each place, tells which one a record is from. Older kernels know neither: there each site has its own event.
 *
 * The kernel attaches to the places that an event has at the moment when it is enabled, and to no later ones
 * (`probe_event_enable`): so sites that come later never join an event that is there.
 * @module
 */

import type { ProbeFile, ProbeSite } from './catalogue/probe.ts';
import { FailureError, systemCode } from './errors.ts';
import type { FetchArgument } from './tracefs/fetch-args.ts';
import { type EventFormat, parseEventFormat } from './tracefs/format.ts';
import type { Instance } from './tracefs/instance.ts';
import { eventDefinition, eventName, MAX_FETCH_ARGS, withKernelPath } from './tracefs/uprobe-events.ts';

/** What there is to know of a site before the kernel is told of it. */
export interface SitePlan {
  readonly file: ProbeFile;
  readonly site: ProbeSite;
  readonly fetches: readonly FetchArgument[];
  /** For the event's `filter` file; undefined for no filter. */
  readonly filter: string | undefined;
}

/** An enabled event. */
export interface SharedEvent<Plan> {
  readonly format: EventFormat;
  /** The places, by the number that records tell. */
  readonly plans: readonly Plan[];
  /** Where in a record the number is: two bytes; undefined where there is one place only, and no number. */
  readonly numberAt: number | undefined;
  /** Whether the kernel took the filter. */
  readonly filtered: boolean;
}

export interface SharedEvents<Plan> {
  readonly events: readonly SharedEvent<Plan>[];
  /** Why the kernel does not attach to a site. */
  readonly refused: ReadonlyMap<Plan, unknown>;
}

/** Name and type of the argument that has the number. */
const NUMBER = 'site';
const NUMBER_TYPE = 'u16';
/** Of one event: the kernel compares a new place with all the others. */
const MAX_SITES = 4096;

/** Defines and enables the events for all sites that are found at one time. */
export function enableShared<Plan extends SitePlan>(
  instance: Instance,
  plans: readonly Plan[],
): SharedEvents<Plan> {
  const enabler = new Enabler<Plan>(instance);
  for (const alike of groups(plans)) enabler.enable(alike);
  return enabler;
}

/** The plans that may share an event. */
function groups<Plan extends SitePlan>(plans: readonly Plan[]): Plan[][] {
  const groups: Plan[][] = [];
  const open = new Map<string, Plan[]>();
  for (const plan of plans) {
    const key = recordShape(plan);
    const group = open.get(key);
    if (group !== undefined && group.length < MAX_SITES) group.push(plan);
    else {
      const started = [plan];
      open.set(key, started);
      groups.push(started);
    }
  }
  return groups;
}

/** Names and types of the arguments, and the filter, which is the event's. */
function recordShape({ fetches, filter }: SitePlan): string {
  const types = fetches.map((fetch) =>
    fetch.expressible ? fetch.text.slice(fetch.text.lastIndexOf(':') + 1) : '',
  );
  return JSON.stringify([types, filter]);
}

interface Defined<Plan> {
  readonly name: string;
  readonly plans: readonly Plan[];
}

/** Makes the names of events unique. */
let serial = 0;

class Enabler<Plan extends SitePlan> implements SharedEvents<Plan> {
  readonly events: SharedEvent<Plan>[] = [];
  readonly refused = new Map<Plan, unknown>();
  private readonly instance: Instance;

  constructor(instance: Instance) {
    this.instance = instance;
  }

  /** @param plans of one shape. */
  enable(plans: readonly Plan[]): void {
    for (const defined of this.define(plans)) this.enableOne(defined);
  }

  private define(plans: readonly Plan[]): Defined<Plan>[] {
    const [first] = plans;
    if (first === undefined) return [];
    if (plans.length === 1 || textsOf(first).length >= MAX_FETCH_ARGS) return this.defineEach(plans);
    const name = eventName(first.site, serial++);
    const accepted: Plan[] = [];
    for (const [at, plan] of plans.entries()) {
      try {
        this.defineSite(name, plan, [`${NUMBER}=\\${accepted.length}:${NUMBER_TYPE}`]);
        accepted.push(plan);
      } catch (error) {
        // Is it the site or the number that the kernel does not take?
        const alone = accepted.length === 0 ? this.defineEach([plan]) : [];
        if (alone.length > 0) return [...alone, ...this.defineEach(plans.slice(at + 1))];
        this.refused.set(plan, error);
      }
    }
    return accepted.length > 0 ? [{ name, plans: accepted }] : [];
  }

  private defineEach(plans: readonly Plan[]): Defined<Plan>[] {
    const defined: Defined<Plan>[] = [];
    for (const plan of plans) {
      const name = eventName(plan.site, serial++);
      try {
        this.defineSite(name, plan, []);
        defined.push({ name, plans: [plan] });
      } catch (error) {
        this.refused.set(plan, error);
      }
    }
    return defined;
  }

  private defineSite(name: string, plan: Plan, number: readonly string[]): void {
    const { instance } = this;
    withKernelPath(plan.file, (path) =>
      instance.define(eventDefinition(instance.name, name, path, plan.site, [...number, ...textsOf(plan)])),
    );
  }

  private enableOne({ name, plans }: Defined<Plan>): void {
    const { instance } = this;
    const folder = `events/${instance.name}/${name}`;
    const { filter } = plans[0]!;
    const format = parseEventFormat(instance.read(`${folder}/format`));
    const filtered = filter === undefined || instance.tryWrite(`${folder}/filter`, filter);
    try {
      instance.write(`${folder}/enable`, '1');
    } catch (error) {
      // The kernel does not say which place it was. It has left all of them.
      instance.undefine(name);
      if (plans.length === 1) {
        this.refused.set(plans[0]!, new FailureError(`the kernel can't attach there (${systemCode(error)})`));
        return;
      }
      const half = plans.length >> 1;
      this.enable(plans.slice(0, half));
      this.enable(plans.slice(half));
      return;
    }
    this.events.push({ format, plans, numberAt: format.fields.get(NUMBER)?.offset, filtered });
  }
}

function textsOf({ fetches }: SitePlan): string[] {
  return fetches.flatMap((fetch, n) => (fetch.expressible ? [`arg${n}=${fetch.text}`] : []));
}
