/**
 * C types of arguments -> what to make of the words that the kernel delivers. The names are those of libusdt's
 * declarations (`.note.libusdt`) and of the option `--types`.
 * @module
 */

import type { ProbeArgument, ProbeFile, ProbeSite } from './catalogue/probe.ts';
import { UsageError } from './errors.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { shown } from './text.ts';

export type ArgumentKind = 'integer' | 'boolean' | 'float' | 'string' | 'json' | 'pointer';

export interface ArgumentType {
  /** As written. */
  readonly name: string;
  readonly kind: ArgumentKind;
  /** Signedness of an integer; undefined leaves it to the SDT note. */
  readonly signed: boolean | undefined;
  /** A scaled integer, `int64_t*1000`: the value is the word divided by this. */
  readonly scale: number;
}

const INTEGERS: Readonly<Record<string, boolean | undefined>> = {
  char: undefined,
  'signed char': true,
  'unsigned char': false,
  short: true,
  'unsigned short': false,
  int: true,
  unsigned: false,
  'unsigned int': false,
  long: true,
  'unsigned long': false,
  'long long': true,
  'unsigned long long': false,
  size_t: false,
  ssize_t: true,
  ptrdiff_t: true,
  time_t: true,
  pid_t: true,
  off_t: true,
};
const SIZED_INTEGER = /^(u?)int(?:8|16|32|64|ptr)_t$/;
const KERNEL_INTEGER = /^([su])(?:8|16|32|64)$/;
const SCALED = /^(.*\S)\s*\*\s*(\d+)$/;

/** Whether an argument is a pointer to text, which is wanted instead of the pointer. */
export function isText({ kind }: Pick<ArgumentType, 'kind'>): boolean {
  return kind === 'string' || kind === 'json';
}

/** Undefined for a name that is not a type. */
export function argumentType(text: string): ArgumentType | undefined {
  const name = text.trim();
  const plain = name
    .replaceAll(/\b(const|volatile|restrict)\b/g, ' ')
    .replaceAll(/\s*\*\s*/g, ' *')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const make = (kind: ArgumentKind, signed?: boolean, scale = 1): ArgumentType => ({
    name,
    kind,
    signed,
    scale,
  });
  const scaled = SCALED.exec(name);
  if (scaled) {
    const integer = argumentType(scaled[1]!);
    const scale = Number(scaled[2]);
    return integer?.kind === 'integer' && scale > 0 ? make('integer', integer.signed, scale) : undefined;
  }
  if (plain === 'json') return make('json');
  if (plain === 'string' || plain === 'char *') return make('string');
  if (plain.endsWith('*')) return make('pointer', false);
  if (plain === 'bool' || plain === '_Bool') return make('boolean', false);
  if (plain === 'double' || plain === 'float') return make('float');
  if (Object.hasOwn(INTEGERS, plain)) return make('integer', INTEGERS[plain]);
  const sized = SIZED_INTEGER.exec(plain);
  if (sized) return make('integer', sized[1] === '');
  const kernel = KERNEL_INTEGER.exec(plain);
  return kernel ? make('integer', kernel[1] === 's') : undefined;
}

/** The type of an argument that no override speaks of; what is not known shows as the integer that it is. */
export function typeOfArgument(argument: ProbeArgument): ArgumentType {
  return (
    argumentType(argument.type) ?? {
      name: argument.type,
      kind: argument.float ? 'float' : 'integer',
      signed: argument.signed,
      scale: 1,
    }
  );
}

/** Types that the user gives to the arguments of probes. */
export interface TypeOverride {
  /** Undefined: all probes. */
  readonly pattern: Pattern | undefined;
  /** By argument; undefined leaves one as it is. */
  readonly types: readonly (ArgumentType | undefined)[];
}

/**
 * `[PATTERN=]TYPE,TYPE,...`, as in `char *,int` or `postgresql:query-*=string`. `_` or nothing leaves an argument as it is.
 * @throws UsageError for a name that is not a type.
 */
export function parseTypeOverride(text: string): TypeOverride {
  const equals = text.indexOf('=');
  const pattern = equals === -1 ? undefined : parsePattern(text.slice(0, equals));
  const types = text
    .slice(equals + 1)
    .split(',')
    .map((name) => {
      if (name.trim() === '' || name.trim() === '_') return undefined;
      const type = argumentType(name);
      if (!type) {
        throw new UsageError(
          `--types: "${shown(name.trim())}" is not a type: int32_t, uint64_t, double, bool, string, json, void * ...`,
        );
      }
      return type;
    });
  return { pattern, types };
}

/** The types of a site's arguments; the last override that speaks of one wins. */
export function argumentTypes(
  file: Pick<ProbeFile, 'path'>,
  site: ProbeSite,
  overrides: readonly TypeOverride[],
): ArgumentType[] {
  return site.arguments.map((argument, index) => {
    let type: ArgumentType | undefined;
    for (const { pattern, types } of overrides) {
      if (pattern && !(pattern.matches(site) && pattern.matchesFile(file))) continue;
      type = types[index] ?? type;
    }
    return type ?? typeOfArgument(argument);
  });
}
