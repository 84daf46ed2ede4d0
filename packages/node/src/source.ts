/**
 * A source is a part of Node that tells what it does, with the probes that it fires. A provider is made of a list of
 * sources. Nothing but that list names a source.
 */

import { createProvider, type ProbeShape, type ProbeShapes, type Provider, UsdtError } from 'libusdt';

export type ProbesOf<Shapes extends ProbeShapes> = Provider<Shapes>['probes'];

export interface Source<Shapes extends ProbeShapes = ProbeShapes> {
  /** The source's probes: their names, and the C types of their arguments. */
  readonly shapes: Shapes;
  /**
   * Called once in each thread, when tracers can see the probes, and not at all where they can't. It must leave Node as it
   * is while nobody traces: it watches the probes (bridge/watch.ts) and subscribes to something only while one of them is
   * traced.
   * @param probes at least the source's own.
   */
  start(probes: ProbesOf<Shapes>): void;
}

/** Returns what it is given. Called so that TypeScript infers the type of `probes` in `start` from `shapes`. */
export function defineSource<const Shapes extends ProbeShapes>(source: Source<Shapes>): Source<Shapes> {
  return source;
}

/** The shapes of all sources in a list. */
export type MergedShapes<Sources extends readonly Source[]> = Intersection<Sources[number]['shapes']>;

/** Makes A & B of A | B: what is inferred for a parameter of several functions must suit all of them. */
type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All extends ProbeShapes,
) => void
  ? All
  : never;

/**
 * Creates a provider with the probes of all sources, in the order of the list, makes them visible, and starts the
 * sources if that succeeded.
 * @throws UsdtError as `createProvider` does; USDT_DUPLICATE_PROBE also if two sources have a probe of the same name.
 */
export function provide<const Sources extends readonly Source[]>(
  name: string,
  sources: Sources,
): Provider<MergedShapes<Sources>> {
  const provider = createProvider(name, { probes: mergeShapes(sources) });
  // Nothing is to be watched where nobody can trace.
  if (provider.enable().state === 'active') for (const source of sources) source.start(provider.probes);
  return provider;
}

function mergeShapes<Sources extends readonly Source[]>(sources: Sources): MergedShapes<Sources> {
  const merged: Record<string, ProbeShape> = {};
  for (const { shapes } of sources) {
    for (const [name, shape] of Object.entries(shapes)) {
      // An object would keep the last one, and say nothing.
      if (name in merged) throw new UsdtError('USDT_DUPLICATE_PROBE', `two sources have a probe ${name}`);
      merged[name] = shape;
    }
  }
  // TypeScript can't follow a merge in a loop.
  return merged as MergedShapes<Sources>;
}
