/**
 * What a name may be. Each rule is the strictest that a supported tracer has, since a tracer that dislikes a name
 * drops the probe without a word, or refuses the whole file:
 *
 * - A provider's name has at most 53 characters and no digit at its end: DTrace keeps 64 bytes
 *   (DTRACE_PROVNAMELEN) and appends the process id, up to 10 digits. `pid` is DTrace's own.
 * - A probe's name has at most 63 characters (DTRACE_NAMELEN is 64 with the NUL), a function's 127
 *   (DTRACE_FUNCNAMELEN), a module's 63 (DTRACE_MODNAMELEN).
 *   https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/sys/dtrace.h
 * - perf takes provider and probe for C identifiers, and SDT notes carry `request-start` as `request__start`, as
 *   sdt.h programs have it. Both are the same probe, and the longer spelling is the one that is counted.
 * - `:` `/` `*` `?` `[` and blanks are what tracers' command lines are made of.
 */

import { UsdtError } from '../model/errors.ts';
import { show } from '../model/show.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly words: string;
  readonly longest: number;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const IDENTIFIER_WORDS = 'letters, digits, "_" and "-", not beginning with a digit or "-"';

const RULES = {
  provider: { pattern: IDENTIFIER, words: IDENTIFIER_WORDS, longest: 53 },
  probe: { pattern: IDENTIFIER, words: IDENTIFIER_WORDS, longest: 63 },
  module: {
    pattern: /^[A-Za-z0-9_.+@-]+$/,
    words: 'letters, digits, "_", "-", ".", "+" and "@"',
    longest: 63,
  },
  function: {
    pattern: /^[A-Za-z0-9_.$<>~#+@-]+$/,
    words: 'letters, digits and "_-.$<>~#+@"',
    longest: 127,
  },
} as const satisfies Record<string, Rule>;

/** @throws UsdtError USDT_BAD_NAME, with the rule and the value. */
export function checkName(what: keyof typeof RULES, name: unknown): asserts name is string {
  const { pattern, longest }: Rule = RULES[what];
  // A provider has more rules. A name of half the length fits however its dashes are counted.
  if (what !== 'provider' && typeof name === 'string' && 2 * name.length <= longest && pattern.test(name))
    return;
  examine(what, name);
}

function examine(what: keyof typeof RULES, name: unknown): void {
  const { pattern, words, longest }: Rule = RULES[what];
  if (typeof name !== 'string') throw bad(what, name, 'must be a string');
  if (name === '') throw bad(what, name, 'must not be empty');
  if (!pattern.test(name)) throw bad(what, name, `may have ${words}`);
  const dashes = what === 'provider' || what === 'probe' ? count(name, '-') : 0;
  const { length } = name;
  if (length + dashes > longest) {
    const spelled = dashes === 0 ? '' : `, with each "-" counted as "__"`;
    throw bad(what, name, `may have ${longest} characters${spelled}; this has ${length + dashes}`);
  }
  if (what !== 'provider') return;
  if (/[0-9]$/.test(name)) throw bad(what, name, 'must not end with a digit: DTrace appends the process id');
  if (name === 'pid') throw bad(what, name, 'is reserved: "pid" is a provider of DTrace itself');
}

/** How often a character occurs. */
function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) found++;
  return found;
}

function bad(what: string, name: unknown, rule: string): UsdtError {
  return new UsdtError('USDT_BAD_NAME', `${what} name ${show(name)}: ${rule}`);
}
