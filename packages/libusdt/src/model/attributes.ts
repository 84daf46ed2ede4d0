/**
 * Stability attributes: what a provider promises about its names and arguments. DTrace shows them
 * (`dtrace -lv`) and can refuse scripts that rely on less; SDT notes have no place for them.
 * https://illumos.org/books/dtrace/chp-stab.html
 */

import { UsdtError } from './errors.ts';
import { show } from './show.ts';

export const STABILITIES = [
  'Internal',
  'Private',
  'Obsolete',
  'External',
  'Unstable',
  'Evolving',
  'Stable',
  'Standard',
] as const;
export const DEPENDENCY_CLASSES = ['Unknown', 'CPU', 'Platform', 'Group', 'ISA', 'Common'] as const;

export type Stability = (typeof STABILITIES)[number];
export type DependencyClass = (typeof DEPENDENCY_CLASSES)[number];

/** [stability of the names, stability of the data, dependency class] */
export type Attribute = readonly [names: Stability, data: Stability, dependency: DependencyClass];

export interface Attributes {
  readonly provider: Attribute;
  readonly module: Attribute;
  readonly function: Attribute;
  readonly name: Attribute;
  readonly args: Attribute;
}

const EVOLVING: Attribute = ['Evolving', 'Evolving', 'ISA'];
const PRIVATE: Attribute = ['Private', 'Private', 'Unknown'];

/** What Solaris' own run-time providers declare: module and function are an implementation's matter. */
export const DEFAULT_ATTRIBUTES: Attributes = {
  provider: EVOLVING,
  module: PRIVATE,
  function: PRIVATE,
  name: EVOLVING,
  args: EVOLVING,
};

/** Fills in what is missing. @throws UsdtError USDT_BAD_OPTION */
export function checkAttributes(given: Partial<Attributes> | undefined): Attributes {
  if (given === undefined) return DEFAULT_ATTRIBUTES;
  if (typeof given !== 'object' || given === null) {
    throw new UsdtError('USDT_BAD_OPTION', `attributes must be an object, not ${show(given)}`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (!(key in DEFAULT_ATTRIBUTES)) {
      const known = Object.keys(DEFAULT_ATTRIBUTES).join(', ');
      throw new UsdtError('USDT_BAD_OPTION', `attributes: ${show(key)} is not one of ${known}`);
    }
    if (!isAttribute(value)) {
      const form = `[${STABILITIES.join('|')}, the same, ${DEPENDENCY_CLASSES.join('|')}]`;
      throw new UsdtError('USDT_BAD_OPTION', `attributes.${key} must be ${form}`);
    }
  }
  return { ...DEFAULT_ATTRIBUTES, ...given };
}

function isAttribute(value: unknown): value is Attribute {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [names, data, dependency] = value as unknown[];
  return (
    (STABILITIES as readonly unknown[]).includes(names) &&
    (STABILITIES as readonly unknown[]).includes(data) &&
    (DEPENDENCY_CLASSES as readonly unknown[]).includes(dependency)
  );
}
