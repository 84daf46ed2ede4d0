/**
 * `usdt script`: a script for another tracer.
 */

import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { Discovery } from '../catalogue/discovery.ts';
import { type ProbeSite, probeTitle } from '../catalogue/probe.ts';
import { checkProcess } from '../catalogue/sources.ts';
import { FailureError, NothingMatchedError, UsageError, writeProblem } from '../errors.ts';
import { isLinux } from '../linux.ts';
import { collect, collectPids } from '../options.ts';
import { warn } from '../output.ts';
import { parsePattern } from '../pattern.ts';
import { requireMachinePids } from '../pid-namespace.ts';
import { archive } from '../scripts/archive.ts';
import { scriptObstacle, TRACERS } from '../scripts/index.ts';
import { type ScriptFile, scriptProbes } from '../scripts/script.ts';
import { shellWord } from '../shell.ts';
import { print } from '../stdout.ts';
import { shown } from '../text.ts';
import { parseTypeOverride } from '../types.ts';

interface ScriptOptions {
  readonly pid?: number[];
  readonly file?: string[];
  readonly types?: string[];
  readonly by?: number[];
  readonly output?: string;
}

const EXAMPLES = `
Tracers: ${Object.keys(TRACERS).join(', ')}.
Probes of running processes are found, those of the files given with -f, and those of libusdt programs that ran before.
If a script consists of several files, a shell script that creates them is printed.

Examples:
  $ usdt script bpftrace 'webapp:request-*' > webapp.bt && sudo bpftrace webapp.bt
  $ usdt script perf 'libc:*' -f /lib/x86_64-linux-gnu/libc.so.6 | sudo sh -s 10
  $ usdt script systemtap 'postgresql:query-start' --types string
  $ usdt script ebpf_exporter 'webapp:*' --by arg1 -o /etc/ebpf_exporter
`;

export function define(command: Command): void {
  command
    .description('Print a script for another tracer, ready to run, with typed arguments.')
    .argument('<tracer>', 'which tracer')
    .argument('<pattern...>', 'which probes, as in: usdt trace')
    .option('-p, --pid <pid>', 'only this process (may be repeated)', collectPids)
    .option('-f, --file <path>', 'only probes of this file (may be repeated)', collect)
    .option('-t, --types <types>', "types of arguments, as in 'char *,int' or 'PATTERN=_,string'", collect)
    .option('--by <argument>', 'count by this argument too, as in arg1 (ebpf_exporter)', collectArguments)
    .option('-o, --output <folder>', 'write the files there instead of printing them')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(tracer: string, patterns: string[], options: ScriptOptions): Promise<void> {
  const language = Object.hasOwn(TRACERS, tracer) ? TRACERS[tracer] : undefined;
  if (!language) throw new UsageError(`"${shown(tracer)}" is not one of ${Object.keys(TRACERS).join(', ')}`);
  if (options.by && tracer !== 'ebpf_exporter')
    throw new UsageError('--by is for ebpf_exporter: the other scripts print each event');
  const parsed = patterns.map(parsePattern);
  const overrides = (options.types ?? []).map(parseTypeOverride);
  for (const pid of options.pid ?? []) checkProcess(pid);
  // perf has its numbers translated by the kernel; the others compare what the kernel says.
  if (options.pid && tracer !== 'perf') requireMachinePids('a script for one process (-p)');
  const discovery = new Discovery({
    patterns: parsed,
    ...(options.pid && { pids: options.pid }),
    ...(options.file && { files: options.file }),
  });
  const problems = new Set<string>();
  const matches = discovery.find().filter(({ file, site }) => {
    const obstacle = scriptObstacle(tracer, site);
    if (obstacle !== undefined) problems.add(leftOut(site, file.path, obstacle));
    return obstacle === undefined;
  });
  const probes = scriptProbes(matches, overrides).filter((probe) => {
    const obstacle = language.obstacle(probe);
    if (obstacle !== undefined) problems.add(leftOut(probe, probe.path, obstacle));
    return obstacle === undefined;
  });
  for (const problem of [...discovery.newProblems(), ...problems]) warn(problem);
  if (probes.length === 0) {
    if (problems.size > 0) throw new FailureError(`no probe is left for ${tracer}`);
    throw new NothingMatchedError(
      `no probe matches ${patterns.map((pattern) => shown(pattern)).join(' ')}: ${isLinux() ? 'start the program first, or name' : 'name'} its file with -f`,
    );
  }
  const command = ['usdt', 'script', ...process.argv.slice(3)].map(shellWord).join(' ');
  const files = language.generate({ probes, pids: options.pid ?? [], command, by: options.by ?? [] });
  if (options.output !== undefined) write(options.output, files);
  else if (files.length === 1) await print(files[0]!.text);
  else await print(archive(files));
}

function write(folder: string, files: readonly ScriptFile[]): void {
  for (const { name, text } of files) {
    const path = join(folder, name);
    try {
      fs.writeFileSync(path, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
    } catch (error) {
      throw new FailureError(writeProblem(path, error));
    }
    warn(`wrote ${shown(path)}`);
  }
}

function leftOut(site: Pick<ProbeSite, 'provider' | 'name'>, path: string, why: string): string {
  return `${shown(probeTitle(site))} in ${shown(path)} is left out: ${why}`;
}

function collectArguments(text: string, previous: readonly number[] | undefined): number[] {
  const index = /^arg(\d+)$/.exec(text)?.[1];
  if (index === undefined) throw new InvalidArgumentError('It must be an argument, as in arg1.');
  return [...(previous ?? []), Number(index)];
}
