/**
 * ebpf_exporter (version 2): a BPF program in C that counts, and the YAML that names its maps.
 * https://github.com/cloudflare/ebpf_exporter#configuration-concepts, libbpf's bpf/usdt.bpf.h
 */

import { probeTitle } from '../catalogue/probe.ts';
import {
  baseName,
  brokenRule,
  comment,
  cString,
  type Generate,
  identifier,
  notesOn,
  type Rule,
  type ScriptArgument,
  type ScriptLanguage,
  type ScriptProbe,
  signature,
  Words,
} from './script.ts';

/** BPF_USDT_MAX_ARG_CNT in libbpf's usdt.bpf.h. */
const MAX_ARGUMENTS = 12;
const MAX_ENTRIES = 10_240;
/** TASK_COMM_LEN. */
const COMM = 16;
/** Bytes of a text label; a multiple of 8, so that keys have no gaps. */
const TEXT = 64;

const generate: Generate = ({ probes, pids, command, by }) => {
  const base = identifier(baseName(probes));
  // One number for a probe in all its files.
  const titles = [...new Set(probes.map(probeTitle))];
  const maps = new Words();
  const events = maps.unique(`${base}_events`);
  const grouped = new Map<string, Grouping>();
  for (const probe of probes) {
    const columns = by.filter((index) => index < Math.min(probe.arguments.length, MAX_ARGUMENTS));
    const title = probeTitle(probe);
    if (columns.length === 0 || grouped.has(title)) continue;
    const map = `${maps.unique(identifier(`${probe.provider}_${probe.name}`).replaceAll(/_+/g, '_'))}_total`;
    grouped.set(title, { map, probe, columns });
  }
  const groupings = [...grouped.values()];
  const programs = probes.map((probe, index) => {
    const title = probeTitle(probe);
    return program(probe, index, titles.indexOf(title), grouped.get(title), pids);
  });
  return [
    { name: `${base}.yaml`, text: configuration(base, events, command, titles, groupings) },
    { name: `${base}.bpf.c`, text: source(events, command, groupings, programs) },
  ];
};

/** A counter of its own for a probe, by some of its arguments. */
interface Grouping {
  readonly map: string;
  readonly probe: ScriptProbe;
  readonly columns: readonly number[];
}

function configuration(
  base: string,
  events: string,
  command: string,
  titles: readonly string[],
  groupings: readonly Grouping[],
): string {
  const head = comment('#', [
    `Made by: ${command}`,
    'Beside this file, built from the .bpf.c:',
    '  bpftool btf dump file /sys/kernel/btf/vmlinux format c > vmlinux.h',
    '  arch=$(uname -m | sed s/x86_64/x86/ | sed s/aarch64/arm64/)',
    `  clang -g -O2 -target bpf -D__TARGET_ARCH_$arch -I. -I/usr/include/$(uname -m)-linux-gnu -c ${base}.bpf.c -o ${base}.bpf.o`,
    `Run it as root: ebpf_exporter --config.dir=. --config.names=${base}`,
  ]);
  const label = (name: string, size: number, ...decoders: readonly string[]): string =>
    [`        - name: ${name}`, `          size: ${size}`, '          decoders:', ...decoders].join('\n');
  const one = (name: string): string => `            - name: ${name}`;
  const numbers = titles.map((title, index) => `                ${index}: ${JSON.stringify(title)}`);
  const counters = [
    `    - name: ${events}_total
      help: Events of USDT probes
      labels:
${label('probe', 8, one('uint'), one('static_map'), '              static_map:', ...numbers)}
${label('comm', COMM, one('string'))}`,
    ...groupings.map(({ map, probe, columns }) => {
      const labels = columns.map((index) => {
        const { text } = probe.arguments[index]!;
        return label(`arg${index}`, text ? TEXT : 8, one(text ? 'string' : 'uint'));
      });
      return `    - name: ${map}
      help: ${JSON.stringify(`Events of ${probeTitle(probe)}`)}
      labels:
${labels.join('\n')}`;
    }),
  ];
  return `${head}\nmetrics:\n  counters:\n${counters.join('\n')}\n`;
}

function source(
  events: string,
  command: string,
  groupings: readonly Grouping[],
  programs: readonly string[],
): string {
  const keys = groupings.map(
    ({ map, probe, columns }) => `struct ${map}_key {
${columns.map((index) => (probe.arguments[index]!.text ? `  char arg${index}[${TEXT}];` : `  u64 arg${index};`)).join('\n')}
};

${mapDefinition(map, `struct ${map}_key`)}
`,
  );
  return `${comment('//', [`Made by: ${command}`])}
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

// The kernel wants it for the functions that read a program's memory.
char LICENSE[] SEC("license") = "GPL";

struct event_key {
  u64 probe;
  char comm[${COMM}];
};

${mapDefinition(`${events}_total`, 'struct event_key')}

${keys.join('\n')}
static __always_inline void increment(void *map, void *key) {
  u64 zero = 0;
  u64 *value = bpf_map_lookup_elem(map, key);
  if (!value) {
    bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
    value = bpf_map_lookup_elem(map, key);
  }
  if (value) __sync_fetch_and_add(value, 1);
}

static __always_inline void count(u64 probe) {
  struct event_key key = {.probe = probe};
  bpf_get_current_comm(&key.comm, sizeof(key.comm));
  increment(&${events}_total, &key);
}

${programs.join('\n')}`;
}

function mapDefinition(name: string, key: string): string {
  return `struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, ${MAX_ENTRIES});
  __type(key, ${key});
  __type(value, u64);
} ${name} SEC(".maps");`;
}

function program(
  probe: ScriptProbe,
  index: number,
  number: number,
  grouping: Grouping | undefined,
  pids: readonly number[],
): string {
  const types = probe.arguments.slice(0, MAX_ARGUMENTS);
  const parameters = types.map((type, n) => `, ${cType(type)}arg${n}`).join('');
  const body: string[] = [];
  if (pids.length > 0) {
    body.push('u32 pid = bpf_get_current_pid_tgid() >> 32;');
    body.push(`if (${pids.map((pid) => `pid != ${pid}`).join(' && ')}) return 0;`);
  }
  body.push(`count(${number});`);
  if (grouping) {
    body.push(`struct ${grouping.map}_key key = {};`);
    for (const column of grouping.columns) {
      body.push(
        probe.arguments[column]?.text
          ? `bpf_probe_read_user_str(key.arg${column}, sizeof(key.arg${column}), arg${column});`
          : `key.arg${column} = ${types[column]?.kind === 'pointer' ? '(u64)' : ''}arg${column};`,
      );
    }
    body.push(`increment(&${grouping.map}, &key);`);
  }
  return `${comment('//', [signature(probe), ...notesOn(types)])}
SEC(${cString(`usdt/${probe.path}:${probe.sdtProvider}:${probe.sdtName}`)})
int BPF_USDT(${identifier(probe.sdtName)}_${index}${parameters}) {
${body.map((line) => `  ${line}`).join('\n')}
  return 0;
}
`;
}

/** libbpf divides the section's name at its colons (parse_usdt_spec in tools/lib/bpf/libbpf.c). */
const COLON: Rule = [/:/, "ebpf_exporter can't have a colon in a name or path"];

export const ebpfExporter: ScriptLanguage = {
  generate,
  obstacle: ({ provider, path, sdtProvider, sdtName }) =>
    [provider, path, sdtProvider, sdtName].map((text) => brokenRule(text, [COLON])).find(Boolean),
};

function cType(type: ScriptArgument): string {
  if (type.text) return 'const char *';
  if (type.kind === 'pointer') return 'void *';
  if (type.kind === 'double') return 'u64 ';
  return `${type.isSigned ? 's' : 'u'}${[1, 2, 4, 8].includes(type.size) ? type.size * 8 : 64} `;
}
