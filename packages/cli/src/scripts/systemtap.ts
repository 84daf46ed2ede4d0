/**
 * SystemTap. https://sourceware.org/systemtap/langref/
 */

import {
  baseName,
  brokenRule,
  comment,
  cString,
  type Generate,
  groupProbes,
  notesOn,
  type PrintfDialect,
  type ProbeGroup,
  printfArguments,
  printfTitle,
  type Rule,
  type ScriptArgument,
  type ScriptLanguage,
  signature,
} from './script.ts';

/** It reads the SDT note, which lists no more. */
const MAX_ARGUMENTS = 12;

/** Integers have 64 bits; `user_string_quoted` adds the quotes. */
const PRINTF: PrintfDialect = { long: '', string: '%s' };

const generate: Generate = ({ probes, pids, command }) => {
  const clauses = groupProbes(probes).map((group) => clause(group, pids));
  const head = comment('#', [`Made by: ${command}`, 'Run it as root: stap FILE']);
  return [{ name: `${baseName(probes)}.stp`, text: `#!/usr/bin/env stap\n${head}\n\n${clauses.join('\n')}` }];
};

function clause({ first, probes }: ProbeGroup, pids: readonly number[]): string {
  const types = first.arguments.slice(0, MAX_ARGUMENTS);
  const left = first.arguments.length - types.length;
  const notes = notesOn(types);
  if (left > 0) notes.push(`arg${MAX_ARGUMENTS} and later are left out: SystemTap knows ${MAX_ARGUMENTS}`);
  const points = probes.map(
    ({ path, sdtProvider, sdtName }) =>
      `process(${cString(path)}).provider(${cString(sdtProvider)}).mark(${cString(sdtName)})`,
  );
  const condition =
    pids.length > 0 ? `  if (!(${pids.map((pid) => `pid() == ${pid}`).join(' || ')})) next\n` : '';
  const format = printfArguments(types, PRINTF);
  const values = types.map((type, index) => `,\n    ${value(type, index)}`).join('');
  return `${comment('#', [signature(first), ...notes])}
probe ${points.join(',\n  ')}
{
${condition}  printf("%d %s %d/%d ${printfTitle(first)}${format}\\n",
    gettimeofday_ns(), execname(), pid(), tid()${values})
}
`;
}

const PATTERN: Rule = [/[*?[]/, 'SystemTap takes a name or path with * ? [ for a pattern'];
const NAME: readonly Rule[] = [PATTERN, [/-/, 'SystemTap takes - in the name of a probe for __']];

export const systemtap: ScriptLanguage = {
  generate,
  obstacle: ({ path, sdtProvider, sdtName }) =>
    brokenRule(sdtProvider, [PATTERN]) ?? brokenRule(sdtName, NAME) ?? brokenRule(path, [PATTERN]),
};

/** The first argument is `$arg1`; SystemTap reads it by the size and sign of the note. */
function value(type: ScriptArgument, index: number): string {
  const name = `$arg${index + 1}`;
  if (type.kind === 'json') return `user_string(${name}, "")`;
  return type.kind === 'string' ? `user_string_quoted(${name})` : name;
}
