/**
 * perf, by a shell script: perf's own `perf probe` takes arguments of USDT probes for integers, so the events are
 * defined as the kernel wants them, with text as text. https://docs.kernel.org/trace/uprobetracer.html
 */

import { isText } from '../catalogue/argument-type.ts';
import { shellWord } from '../shell.ts';
import { planFetches } from '../sources/kernel/plan-fetches.ts';
import { SENTENCE_MAX, shown } from '../text.ts';
import { eventDefinition, isOneWord } from '../tracefs/uprobe-events.ts';
import {
  baseName,
  brokenRule,
  comment,
  type Generate,
  identifier,
  notesOn,
  type ScriptLanguage,
  type ScriptProbe,
  signature,
  Words,
} from './script.ts';

const generate: Generate = ({ probes, pids, command }) => {
  const base = identifier(baseName(probes));
  const names = new Words();
  const definitions = probes.map((probe, index) => define(probe, index, names));
  const target = pids.length > 0 ? `-p ${pids.join(',')}` : '-a';
  const head = comment('#', [
    `Made by: ${command}`,
    'Run it as root: sh FILE [SECONDS]. Without a time it records until Ctrl-C. Then it prints the events.',
  ]);
  const text = `#!/bin/sh
${head}
set -eu
tracefs=/sys/kernel/tracing
[ -e "$tracefs/uprobe_events" ] || tracefs=/sys/kernel/debug/tracing
group=${base}_$$
events=
data=$(mktemp)

clean() {
  for event in $events; do printf '%s\\n' "-:$group/$event" >> "$tracefs/uprobe_events" || :; done
  rm -f "$data"
}
trap clean EXIT
trap 'exit 143' TERM HUP
# perf gets the signal too: it ends, and what it recorded is printed.
trap : INT

define() {
  printf '%s\\n' "p:$group/$1 $2" >> "$tracefs/uprobe_events"
  events="$events $1"
}

${definitions.join('\n')}

perf record -q ${target} -e "$group:*" -o "$data" -- sleep "\${1:-2147483647}" || [ $? -eq 130 ]
perf script -i "$data"
`;
  return [{ name: `${baseName(probes)}.sh`, text }];
};

function define(probe: ScriptProbe, index: number, names: Words): string {
  const { file, path, sites } = probe;
  // What the kernel would divide: the file is named by the shell's own descriptor then.
  const blank = !isOneWord(path);
  const descriptor = 3 + (index % 7);
  const place = blank ? `/proc/$$/fd/${descriptor}` : path;
  const lines: string[] = [];
  const notes = [...notesOn(probe.arguments), ...narrow(probe)];
  for (const site of sites) {
    const fetches = planFetches(
      file,
      site,
      site.arguments.map((_, n) => probe.arguments[n] ?? NUMBER),
    );
    const texts = fetches.flatMap((fetch, n) => {
      if (!fetch.expressible) {
        const note = `arg${n} is left out: ${shown(fetch.reason, SENTENCE_MAX)}`;
        if (!notes.includes(note)) notes.push(note);
        return [];
      }
      const type = probe.arguments[n];
      const inHex = type && !isText(type) && (type.kind === 'pointer' || type.kind === 'double');
      return [`arg${n}=${inHex ? fetch.text.replace(/:[us](\d+)$/, ':x$1') : fetch.text}`];
    });
    const event = names.unique(identifier(probe.sdtName));
    const definition = eventDefinition('', event, place, site, texts);
    const what = definition.slice(definition.indexOf(' ') + 1);
    lines.push(`define ${event} ${blank ? `"${what.replaceAll(/[`\\]/g, '\\$&')}"` : shellWord(what)}`);
  }
  if (blank) lines.unshift(`exec ${descriptor}< ${shellWord(path)}`);
  return `${comment('#', [signature(probe), ...notes])}\n${lines.join('\n')}`;
}

/** perf (libtraceevent's tep_read_number) takes short integers for unsigned, whatever the event's format says. */
function narrow({ arguments: types }: ScriptProbe): string[] {
  return types.flatMap((type, n) =>
    type.kind === 'integer' && type.isSigned && type.size < 4
      ? [`arg${n} is signed: perf shows ${2 ** (8 * type.size)} more for negative values`]
      : [],
  );
}

const NUMBER = { name: '', kind: 'integer', signed: undefined, scale: 1 } as const;

/** Names are not written but in comments. */
export const perf: ScriptLanguage = { generate, obstacle: ({ path }) => brokenRule(path, []) };
