/**
 * Which probes: `PROVIDER:PROBE`, `FILE:PROVIDER:PROBE`, or `PROBE` of any provider. `*`, `?` and `[abc]` stand for
 * what they do in a shell. `-` and `__` are the same: programs write one, SDT notes the other. A leading `usdt:`, as in
 * bpftrace, is skipped.
 */

import { UsageError } from './errors.ts';
import { shown } from './text.ts';

/** The names of a probe: as the program wrote them, and as in an SDT note. */
export interface ProbeNames {
  readonly provider: string;
  readonly name: string;
  readonly sdtProvider: string;
  readonly sdtName: string;
}

export interface Pattern {
  readonly text: string;
  readonly file: string | undefined;
  readonly provider: string;
  readonly name: string;
  matches(probe: ProbeNames): boolean;
  matchesFile(file: { readonly path: string }): boolean;
}

/** @throws UsageError for a pattern that can't match anything. */
export function parsePattern(text: string): Pattern {
  const trimmed = text.startsWith('usdt:') ? text.slice(5) : text;
  const parts = trimmed.split(':');
  const name = parts.pop()!;
  const provider = parts.pop() ?? '*';
  const file = parts.length > 0 ? parts.join(':') : undefined;
  if (name === '' || provider === '') {
    throw new UsageError(
      `"${shown(text)}" is not a pattern: write PROVIDER:PROBE, as in 'webapp:request-*' or 'python:*'`,
    );
  }
  const matchProvider = nameMatcher(provider);
  const matchName = nameMatcher(name);
  const matchPath = file === undefined || file === '' || file === '*' ? undefined : globToRegExp(file);
  return {
    text,
    file: matchPath ? file : undefined,
    provider,
    name,
    matches: (probe) =>
      (matchProvider(probe.provider) || matchProvider(probe.sdtProvider)) &&
      (matchName(probe.name) || matchName(probe.sdtName)),
    matchesFile: ({ path }) =>
      matchPath === undefined ||
      matchPath.test(path) ||
      matchPath.test(path.slice(path.lastIndexOf('/') + 1)),
  };
}

function nameMatcher(glob: string): (name: string) => boolean {
  if (glob === '*' || glob === '') return () => true;
  const exact = globToRegExp(glob);
  const folded = globToRegExp(fold(glob));
  return (name) => exact.test(name) || folded.test(fold(name));
}

function fold(name: string): string {
  return name.replaceAll('__', '-');
}

/** A shell pattern for a whole string. */
export function globToRegExp(glob: string): RegExp {
  const source = glob.replace(
    /\[(!?)([^\]]+)\]|[*?]|[\\^$.|+()[\]{}/]/g,
    (match, not: string, set: string) => {
      if (match === '*') return '.*';
      if (match === '?') return '.';
      if (set !== undefined) return `[${not ? '^' : ''}${set.replace(/[\\\]^]/g, '\\$&')}]`;
      return `\\${match}`;
    },
  );
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    throw new UsageError(`"${shown(glob)}" is not a pattern`);
  }
}
