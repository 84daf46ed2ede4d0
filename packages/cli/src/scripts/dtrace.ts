/**
 * DTrace, on macOS, illumos, FreeBSD and Linux. https://illumos.org/books/dtrace/
 */

import {
  baseName,
  brokenRule,
  comment,
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

/** `arg0` to `arg9` are in every DTrace; what is beyond is an error there. https://illumos.org/books/dtrace/chp-variables.html */
const MAX_ARGUMENTS = 10;

const PRINTF: PrintfDialect = { long: 'll', string: '\\"%s\\"' };

const generate: Generate = ({ probes, pids, command }) => {
  // A file is no part of a probe's name here: programs that differ in the types of a probe share its clause.
  const known = new Set<string>();
  const distinct = probes.filter(({ provider, name }) => {
    const title = `${provider}:${dName(name)}`;
    return !known.has(title) && known.add(title);
  });
  const clauses = groupProbes(distinct).map((group) => clause(group, pids));
  const head = comment(' *', [
    `Made by: ${command}`,
    'Run it as root: dtrace -s FILE. DTrace appends the process id to a provider; * stands for all.',
  ]).replaceAll('*/', COMMENT_END);
  const text = `#!/usr/sbin/dtrace -s
/*
${head}
 */

#pragma D option quiet
/* Probes of programs that start later are no mistake. */
#pragma D option zdefs

${clauses.join('\n')}`;
  return [{ name: `${baseName(probes)}.d`, text }];
};

function clause({ first }: ProbeGroup, pids: readonly number[]): string {
  const shown = first.arguments.slice(0, MAX_ARGUMENTS);
  const left = first.arguments.length - shown.length;
  const notes = notesOn(shown);
  if (left > 0)
    notes.push(`arg${MAX_ARGUMENTS} and later are left out: DTrace has names for ${MAX_ARGUMENTS}`);
  const name = dName(first.name);
  const providers = pids.length > 0 ? pids.map((pid) => `${first.provider}${pid}`) : [`${first.provider}*`];
  const points = providers.map((provider) => `${provider}:::${name}`);
  const format = printfArguments(shown, PRINTF);
  const values = shown.map((type, index) => `,\n    ${value(type, `arg${index}`)}`).join('');
  const lines = [signature({ ...first, name }), ...notes].map((line) =>
    comment('', [line]).trimStart().replaceAll('*/', COMMENT_END),
  );
  return `/* ${lines.join('\n * ')} */
${points.join(',\n')}
{
  printf("%d %s %d/%d ${printfTitle({ ...first, name })}${format}\\n",
    timestamp, execname, pid, tid${values});
}
`;
}

/** What would end a comment, in other words. */
const COMMENT_END = '*\\/';

/** DTrace's own compiler makes `-` of `__`, so that is how its users know the probe. */
function dName(name: string): string {
  return name.replaceAll('__', '-');
}

/** What its kernels allow in the names of providers and probes (dtrace_badname, dtrace_badattr): no way to write more is needed. */
const PROVIDER: readonly Rule[] = [[/^[^A-Za-z_]|[^\w.-]/, 'DTrace has no provider of such a name']];
const NAME: readonly Rule[] = [[/[^\w.-]/, 'DTrace has no probe of such a name']];

export const dtrace: ScriptLanguage = {
  generate,
  obstacle: ({ provider, name }) => brokenRule(provider, PROVIDER) ?? brokenRule(name, NAME),
};

function value(type: ScriptArgument, name: string): string {
  if (type.text) return `${name} == 0 ? "(null)" : copyinstr(${name})`;
  if (type.kind === 'pointer' || type.kind === 'double') return `(uint64_t)${name}`;
  // Two casts: what the first cuts to its size the second extends to what printf is told.
  const wide = type.isSigned ? 'int64_t' : 'uint64_t';
  return type.size === 8
    ? `(${wide})${name}`
    : `(${wide})(${type.isSigned ? '' : 'u'}int${type.size * 8}_t)${name}`;
}
