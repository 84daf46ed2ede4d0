/**
 * What the user writes about a probe, checked at once: a mistake is told where it is made, not when somebody traces.
 */

import { MAX_ARGUMENTS } from '../abi/call-block.ts';
import { type CType, parseCType } from '../ctypes/ctypes.ts';
import type { ArgumentsOf, CTypeName } from '../ctypes/infer.ts';
import type { ImageDefinition, ProbeDefinition } from '../image/definition.ts';
import { UsdtError } from '../model/errors.ts';
import { show } from '../model/show.ts';
import { sdtName } from '../notes/stapsdt/name.ts';
import { checkName } from './names.ts';

/** A probe's arguments by their C types; or those and its function's name. */
export type ProbeShape =
  | readonly CTypeName[]
  | {
      /** Where in the program the probe lies, as tracers show it. Default: the probe's name. */
      readonly function?: string;
      /** C type names, at most 32. Default: none. */
      readonly args?: readonly CTypeName[];
    };

/** The parameters of `fire` for a probe of that shape. */
export type ShapeArguments<Shape extends ProbeShape> = Shape extends readonly CTypeName[]
  ? ArgumentsOf<Shape>
  : Shape extends { readonly args: infer Args extends readonly CTypeName[] }
    ? ArgumentsOf<Args>
    : [];

/**
 * @throws UsdtError USDT_BAD_NAME, USDT_TOO_MANY_ARGUMENTS, USDT_UNKNOWN_TYPE, USDT_BAD_OPTION
 */
export function defineProbe(name: string, shape: ProbeShape): ProbeDefinition {
  checkName('probe', name);
  if (typeof shape !== 'object' || shape === null) {
    const form = 'a list of C type names, or { function, args }';
    throw new UsdtError('USDT_BAD_OPTION', `probe ${show(name)}: must be ${form}, not ${show(shape)}`);
  }
  // No object and no closure for each probe here: their garbage makes the heap of a program with many probes grow.
  const isShort = isList(shape);
  const functionName = isShort || shape.function === undefined ? name : shape.function;
  const args = isShort ? shape : shape.args === undefined ? NO_TYPES : shape.args;
  // What a probe may be called, a function may.
  if (functionName !== name) checkName('function', functionName);
  if (!Array.isArray(args)) {
    const message = `probe ${show(name)}: args must be a list of C type names, not ${show(args)}`;
    throw new UsdtError('USDT_BAD_OPTION', message);
  }
  if (args.length > MAX_ARGUMENTS) {
    const message = `probe ${show(name)}: a probe has at most ${MAX_ARGUMENTS} arguments; this has ${args.length}`;
    throw new UsdtError('USDT_TOO_MANY_ARGUMENTS', message);
  }
  return { name, function: functionName, types: parseTypes(args) };
}

/** What `createProvider()` takes, as far as it is in an image. */
export interface ImageShape {
  readonly probes: Readonly<Record<string, ProbeShape>>;
  readonly module?: string;
}

/**
 * The definition of the image that a provider of that name and those probes has.
 * @throws UsdtError as createProvider() does: USDT_NO_PROBES, USDT_BAD_NAME, USDT_DUPLICATE_PROBE, USDT_BAD_OPTION,
 *   USDT_TOO_MANY_ARGUMENTS, USDT_UNKNOWN_TYPE.
 */
export function defineImage(provider: string, { probes, module = provider }: ImageShape): ImageDefinition {
  checkName('provider', provider);
  checkName('module', module);
  if (typeof probes !== 'object' || probes === null)
    throw new UsdtError('USDT_BAD_OPTION', `probes must be an object, not ${show(probes)}`);
  const byKey = new Map<string, ProbeDefinition>();
  for (const [name, shape] of Object.entries(probes)) {
    const definition = defineProbe(name, shape);
    const twin = byKey.get(probeKey(definition));
    if (twin) throw duplicateProbe(provider, definition, twin);
    byKey.set(probeKey(definition), definition);
  }
  if (byKey.size === 0) throw new UsdtError('USDT_NO_PROBES', `provider ${show(provider)} has no probes`);
  return { provider, module, probes: [...byKey.values()] };
}

export function duplicateProbe(
  provider: string,
  { name, function: functionName }: ProbeDefinition,
  twin: { readonly name: string },
): UsdtError {
  const spelled = twin.name === name ? '' : ` (as ${show(twin.name)}, which is the same to tracers)`;
  const message = `provider ${show(provider)} has a probe ${show(name)} in function ${show(functionName)} already${spelled}`;
  return new UsdtError('USDT_DUPLICATE_PROBE', message);
}

/** What makes a probe the same as another of its provider: `a-b` and `a__b` look the same to most tracers. */
export function probeKey({ name, function: functionName }: ProbeDefinition): string {
  // Most functions are named as their probe: no string is made for those. No name has a colon.
  if (functionName === name) return functionName;
  const spelled = sdtName(name);
  return spelled === sdtName(functionName) ? functionName : `${functionName}:${spelled}`;
}

function isList(shape: ProbeShape): shape is readonly CTypeName[] {
  return Array.isArray(shape);
}

const NO_TYPES: readonly CTypeName[] = [];
const shared = new Map<string, readonly CType[]>();
const SHARED_LIMIT = 1000;
let lastNames: readonly string[] = [];
let lastTypes: readonly CType[] = [];

/** Programs with thousands of probes have few signatures: one array for each. */
function parseTypes(names: readonly CTypeName[]): readonly CType[] {
  if (isSame(names, lastNames)) return lastTypes;
  const types = names.map(parseCType);
  const key = types.map((type) => type.name).join();
  const known = shared.get(key);
  if (!known && shared.size < SHARED_LIMIT) shared.set(key, types);
  lastNames = [...names];
  lastTypes = known ?? types;
  return lastTypes;
}

function isSame(names: readonly string[], others: readonly string[]): boolean {
  if (names.length !== others.length) return false;
  for (let index = 0; index < names.length; index++) if (names[index] !== others[index]) return false;
  return true;
}
