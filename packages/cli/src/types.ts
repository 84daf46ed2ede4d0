/**
 * The types of a site's arguments: as its file has them, or as the option `--types` says.
 */

import { type ArgumentType, argumentType } from './catalogue/argument-type.ts';
import type { ProbeArgument, ProbeFile, ProbeSite } from './catalogue/probe.ts';
import { UsageError } from './errors.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { shown } from './text.ts';

// For those who read the kernel's records.
export { type ArgumentType, isText } from './catalogue/argument-type.ts';

/** The type of an argument that no override speaks of; what is not known shows as the integer that it is. */
export function typeOfArgument(argument: ProbeArgument): ArgumentType {
  return (
    argumentType(argument.type) ?? {
      name: argument.type,
      kind: argument.float ? 'double' : 'integer',
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
