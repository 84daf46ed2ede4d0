/**
 * bpftrace. https://github.com/bpftrace/bpftrace/blob/master/man/adoc/bpftrace.adoc
 */

import { type Arch, PROCESSORS, READERS } from 'libusdt/codecs';
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

/**
 * How many arguments a script may name: bpftrace checks `argN` against the registers of C's calling convention, also
 * for USDT probes, which have more (max_arg() in src/arch/*.cpp; `x86_64 doesn't support arg6`).
 */
function maxArguments(arch: Arch): number {
  return PROCESSORS[READERS[arch].kernel].convention('linux').argumentRegisters;
}

const PRINTF: PrintfDialect = { long: 'll', string: '\\"%s\\"' };

const generate: Generate = ({ probes, pids, command }) => {
  const clauses = groupProbes(probes, ({ file }) => String(file.arch)).map((group) => clause(group, pids));
  const head = comment('//', [
    `Made by: ${command}`,
    'Run it as root. Text is cut to 64 bytes: BPFTRACE_STRLEN=200 before the command shows more.',
  ]);
  const text = `#!/usr/bin/env bpftrace\n${head}\n\n${clauses.join('\n')}`;
  return [{ name: `${baseName(probes)}.bt`, text }];
};

function clause({ first, probes }: ProbeGroup, pids: readonly number[]): string {
  const { arch } = first.file;
  const most = arch === undefined ? 0 : maxArguments(arch);
  const shown = first.arguments.slice(0, most);
  const left = first.arguments.length - shown.length;
  const notes = notesOn(shown);
  if (left > 0)
    notes.push(
      `${left === 1 ? `arg${most} is` : `arg${most} to arg${most + left - 1} are`} left out: bpftrace has no name for more than ${most} arguments here`,
    );
  const points = probes.map(
    ({ path, sdtProvider, sdtName }) => `usdt:${[path, sdtProvider, sdtName].map(word).join(':')}`,
  );
  const predicate = pids.length > 0 ? `/${pids.map((pid) => `pid == ${pid}`).join(' || ')}/\n` : '';
  const format = printfArguments(shown, PRINTF);
  const values = shown.map((type, index) => `, ${value(type, `arg${index}`)}`).join('');
  return `${comment('//', [signature(first), ...notes])}
${points.join(',\n')}
${predicate}{
  printf("%llu %s %d/%d ${printfTitle(first, PERCENT)}${format}\\n", nsecs, comm, pid, tid${values});
}
`;
}

/** Version 0.17 takes `%%s` for one of its arguments: the sign is written as `shown` writes what can't be. */
const PERCENT = '\\u0025';

/** In quotes everything stands for itself but `\"`. https://github.com/bpftrace/bpftrace/blob/master/src/ast/attachpoint_parser.cpp */
function word(text: string): string {
  return /^[\w./+-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
}

const BACKSLASH: Rule = [/\\/, "bpftrace can't write a backslash there"];
const NAME: readonly Rule[] = [BACKSLASH, [/\*/, 'bpftrace takes a name with * for a pattern']];
const COLON: Rule = [/:/, 'bpftrace can have a colon in the name of a probe only'];
const PATH: readonly Rule[] = [
  BACKSLASH,
  COLON,
  [/[*?[\]]/, 'bpftrace takes a path with * ? [ ] for a pattern'],
];

export const bpftrace: ScriptLanguage = {
  generate,
  obstacle: ({ path, sdtProvider, sdtName }) =>
    brokenRule(sdtProvider, [COLON, ...NAME]) ?? brokenRule(sdtName, NAME) ?? brokenRule(path, PATH),
};

function value(type: ScriptArgument, name: string): string {
  if (type.text) return `str(${name})`;
  if (type.kind === 'pointer' || type.kind === 'double' || type.size === 8) return name;
  // A note's size is not always the one that was fetched: the cast cuts, and sets the sign.
  return `(${type.isSigned ? '' : 'u'}int${type.size * 8})${name}`;
}
