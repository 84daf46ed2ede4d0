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
 */

import { withKernelPath } from '../../catalogue/kernel-path.ts';
import type { ProbeFile, ProbeSite } from '../../catalogue/probe.ts';
import { FailureError, systemCode } from '../../errors.ts';
import { type EventFormat, parseEventFormat } from '../../tracefs/format.ts';
import type { Instance } from '../../tracefs/instance.ts';
import { eventDefinition, eventName, MAX_FETCH_ARGS } from '../../tracefs/uprobe-events.ts';
import { type Fetched, fill, groupByShape, ownShape, type Shape, type ShapeGroup } from './record-shapes.ts';

/** What there is to know of a site before the kernel is told of it. */
export interface SitePlan extends Fetched {
  readonly file: ProbeFile;
  readonly site: ProbeSite;
}

/** An enabled event. */
export interface SharedEvent<Plan> {
  readonly format: EventFormat;
  readonly shape: Shape;
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
  enabler.enable(groupByShape(plans).flatMap(bounded));
  return enabler;
}

function bounded<Plan>({ shape, plans }: ShapeGroup<Plan>): ShapeGroup<Plan>[] {
  const groups: ShapeGroup<Plan>[] = [];
  for (let at = 0; at < plans.length; at += MAX_SITES)
    groups.push({ shape, plans: plans.slice(at, at + MAX_SITES) });
  return groups;
}

/** A defined event. */
interface Defined<Plan> {
  readonly name: string;
  readonly shape: Shape;
  readonly plans: Plan[];
  /** Will be added. */
  readonly more: readonly Plan[];
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

  enable(groups: readonly ShapeGroup<Plan>[]): void {
    // With each place the kernel looks for its event, from the oldest on: so all events come before the other places.
    const defined = groups.flatMap((group) => this.define(group));
    for (const event of defined) this.addTo(event);
    for (const event of defined) this.enableOne(event);
  }

  private define({ shape, plans }: ShapeGroup<Plan>): Defined<Plan>[] {
    if (plans.length === 1) return this.defineEach(plans);
    for (const [at, plan] of plans.entries()) {
      const more = plans.slice(at + 1);
      const name = eventName(plan.site, serial++);
      if (shape.slots.length < MAX_FETCH_ARGS && this.defineSite(name, shape, plan, 0))
        return [{ name, shape, plans: [plan], more }];
      // Is it the site that the kernel does not take, or the number?
      const alone = this.defineEach([plan]);
      if (alone.length > 0) return [...alone, ...this.defineEach(more)];
    }
    return [];
  }

  private defineEach(plans: readonly Plan[]): Defined<Plan>[] {
    return plans.flatMap((plan) => {
      const name = eventName(plan.site, serial++);
      const shape = ownShape(plan);
      return this.defineSite(name, shape, plan) ? [{ name, shape, plans: [plan], more: [] }] : [];
    });
  }

  private addTo({ name, shape, plans, more }: Defined<Plan>): void {
    for (const ofFile of runs(more)) {
      const added = ofFile.length === 1 ? 0 : this.addAll(name, shape, ofFile, plans.length);
      plans.push(...ofFile.slice(0, added));
      for (const plan of ofFile.slice(added))
        if (this.defineSite(name, shape, plan, plans.length)) plans.push(plan);
    }
  }

  /**
   * By one write, which costs a third of a write for each.
   * @param plans of one file.
   * @param number of the first.
   * @returns how many there were until the kernel refused one.
   */
  private addAll(name: string, shape: Shape, plans: readonly Plan[], number: number): number {
    const { instance } = this;
    try {
      withKernelPath(plans[0]!.file, (path) =>
        instance.define(plans.map((plan, n) => this.line(name, shape, plan, path, number + n)).join('\n')),
      );
      return plans.length;
    } catch {
      return instance.places(name) - number;
    }
  }

  private defineSite(name: string, shape: Shape, plan: Plan, number?: number): boolean {
    try {
      withKernelPath(plan.file, (path) => this.instance.define(this.line(name, shape, plan, path, number)));
      this.refused.delete(plan);
      return true;
    } catch (error) {
      this.refused.set(plan, error);
      return false;
    }
  }

  private line(name: string, shape: Shape, plan: Plan, path: string, number: number | undefined): string {
    const numbers = number === undefined ? [] : [`${NUMBER}=\\${number}:${NUMBER_TYPE}`];
    const texts = [...numbers, ...fill(shape, plan).texts];
    return eventDefinition(this.instance.name, name, path, plan.site, texts);
  }

  private enableOne({ name, shape, plans }: Defined<Plan>): void {
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
      this.enable([
        { shape, plans: plans.slice(0, half) },
        { shape, plans: plans.slice(half) },
      ]);
      return;
    }
    this.events.push({ format, shape, plans, numberAt: format.fields.get(NUMBER)?.offset, filtered });
  }
}

/** Neighbours of one file. */
function runs<Plan extends SitePlan>(plans: readonly Plan[]): Plan[][] {
  const runs: Plan[][] = [];
  for (const plan of plans) {
    const last = runs.at(-1);
    if (last?.[0]?.file === plan.file) last.push(plan);
    else runs.push([plan]);
  }
  return runs;
}
