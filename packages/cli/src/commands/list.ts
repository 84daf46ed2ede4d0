/**
 * `usdt list`: the probes of files and processes.
 */

import type { Command } from 'commander';
import { inodeOf, type Mapping } from '../catalogue/maps.ts';
import { type ProbeFile, type ProbeSite, probeTitle } from '../catalogue/probe.ts';
import {
  BY_FILE,
  checkProcess,
  openProbeFiles,
  ProcessScanner,
  processIds,
  readMappings,
} from '../catalogue/sources.ts';
import { findMappings, tracedSites } from '../catalogue/traced.ts';
import { EXIT, FailureError, UsageError } from '../errors.ts';
import { isLinux, requireLinux } from '../linux.ts';
import { positiveInteger } from '../options.ts';
import { toJson, warn } from '../output.ts';
import { type Pattern, parsePattern } from '../pattern.ts';
import { print } from '../stdout.ts';
import { SENTENCE_MAX, shown } from '../text.ts';

interface ListOptions {
  readonly pid?: number;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const EXAMPLES = `
An operand with a colon and no slash is a pattern; without any file, all processes are looked at.
"traced" is yes or no where a process that maps the file could be looked at, and - where none could.

Examples:
  $ usdt list /usr/bin/python3                    the probes of a program
  $ usdt list -p 812                              of everything that a process has mapped
  $ usdt list --all 'webapp:*'                    of all processes, those in containers too
`;

export function define(command: Command): void {
  command
    .description('List probes: provider, name, types of arguments, whether traced now, and file.')
    .argument('[file-or-pattern...]', 'ELF or Mach-O files, or patterns as in: usdt trace')
    .option('-p, --pid <pid>', 'what this process has mapped', positiveInteger)
    .option('-a, --all', 'what all processes have mapped')
    .option('-v, --verbose', 'every place of a probe, with addresses and operands')
    .option('--json', 'JSON, one object a line')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

async function run(operands: string[], options: ListOptions): Promise<void> {
  const paths = operands.filter((operand) => operand.includes('/') || !operand.includes(':'));
  const patterns = operands.filter((operand) => !paths.includes(operand)).map(parsePattern);
  const sources = Number(paths.length > 0) + Number(options.pid !== undefined) + Number(options.all === true);
  if (sources > 1) throw new UsageError('list files, or a process (-p), or all processes (--all)');

  if (paths.length === 0) requireLinux('looking at processes', BY_FILE);
  const pids = options.pid === undefined ? processIds() : [options.pid];
  if (options.pid !== undefined) checkProcess(options.pid);
  const named = readFiles(paths);
  // Of each process once: to read them takes longer than all else.
  const read = paths.length > 0 ? readOnce(named) : readMappings;
  const files = paths.length > 0 ? withMounts(named, pids, read) : scan(pids);
  const selected = files
    .map((file) => ({ ...file, sites: file.sites.filter((site) => isWanted(site, file, patterns)) }))
    .filter(({ sites }) => sites.length > 0);
  const traced = tracedSites(
    selected,
    findMappings(new Set(selected.flatMap(({ mapKeys }) => mapKeys)), pids, read),
  );

  if (options.json) await printJson(selected, traced);
  else if (options.verbose) await printVerbose(selected, traced);
  else await printTable(selected, traced);
  if (selected.length === 0 && process.exitCode === undefined) {
    warn(patterns.length > 0 ? 'no probe matches' : 'no probes');
    process.exitCode = EXIT.nothing;
  }
}

function isWanted(site: ProbeSite, file: ProbeFile, patterns: readonly Pattern[]): boolean {
  return (
    patterns.length === 0 || patterns.some((pattern) => pattern.matches(site) && pattern.matchesFile(file))
  );
}

/** A file that can't be read does not keep the others from being listed. */
function readFiles(paths: readonly string[]): ProbeFile[] {
  const files: ProbeFile[] = [];
  for (const path of paths) {
    try {
      const slices = openProbeFiles(path);
      files.push(...slices);
      for (const file of slices) {
        for (const problem of [...file.problems, ...file.warnings])
          warn(`${titleOf(file)}: ${shown(problem, SENTENCE_MAX)}`);
        if (file.problems.length > 0) process.exitCode = EXIT.failure;
      }
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      warn(error.message);
      process.exitCode = EXIT.failure;
    }
  }
  return files;
}

function scan(pids: readonly number[]): ProbeFile[] {
  const scanner = new ProcessScanner();
  const files = merge(scanner.scan(pids));
  for (const problem of scanner.problems.values()) warn(problem);
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Processes may map the files through mounts of their own, or their maps show another device. */
function withMounts(
  files: readonly ProbeFile[],
  pids: readonly number[],
  read: typeof readMappings,
): ProbeFile[] {
  if (!isLinux()) return [...files];
  const scanner = new ProcessScanner();
  const named = files.map((file) => scanner.add([file])[0] ?? file);
  const found = scanner.scan(pids, undefined, read);
  return named.map((file) => ({
    ...file,
    mapKeys: [file, ...found.filter(({ key }) => key === file.key)].flatMap(({ mapKeys }) => mapKeys),
  }));
}

/** Mappings of these files, by whatever mounts: under another device they have the inode number. */
function readOnce(files: readonly ProbeFile[]): typeof readMappings {
  const inodes = new Set(files.map(({ statKey }) => inodeOf(statKey)));
  const known = new Map<number, Mapping[] | undefined>();
  return (pid, passOver) => {
    if (!known.has(pid)) known.set(pid, readMappings(pid, passOver, inodes));
    return known.get(pid);
  };
}

/** What the kernel takes for one file is one, with the processes of all its mounts. */
function merge(files: readonly ProbeFile[]): ProbeFile[] {
  const merged = new Map<string, ProbeFile>();
  for (const file of files) {
    const first = merged.get(file.key);
    const pids = [...new Set([...(first?.pids ?? []), ...file.pids])].sort((a, b) => a - b);
    const mapKeys = [...(first?.mapKeys ?? []), ...file.mapKeys];
    merged.set(file.key, { ...(first ?? file), pids, mapKeys });
  }
  return [...merged.values()];
}

type Traced = ReadonlyMap<ProbeSite, boolean>;

async function printJson(files: readonly ProbeFile[], traced: Traced): Promise<void> {
  let text = '';
  for (const file of files) {
    for (const site of file.sites) {
      text += `${toJson({
        provider: site.provider,
        probe: site.name,
        formats: site.formats,
        module: site.module,
        function: site.function,
        arguments: site.arguments.map(({ type, declared, size, signed, float, operand }) => ({
          type,
          declared,
          size,
          signed,
          float,
          operand,
        })),
        translated: site.translated,
        file: file.path,
        slice: file.slice,
        address: hexOrNull(site.address),
        offset: hexOrNull(site.offset),
        enabled: site.enabledAddresses.length > 0 ? site.enabledAddresses.map(hex) : undefined,
        semaphore: hexOrNull(site.semaphoreAddress),
        untraceable: site.untraceable,
        pids: file.pids.length > 0 ? file.pids : undefined,
        traced: traced.get(site) ?? null,
      })}\n`;
    }
  }
  await print(text);
}

async function printVerbose(files: readonly ProbeFile[], traced: Traced): Promise<void> {
  let text = '';
  for (const file of files) {
    text += `${titleOf(file)}\n`;
    for (const site of file.sites) {
      text += `  ${shown(probeTitle(site))}  ${placeOf(file, site)}`;
      if (site.semaphoreAddress !== undefined) text += `  semaphore ${hex(site.semaphoreAddress)}`;
      text += `  traced: ${tracedText(traced.get(site))}\n`;
      if (site.function !== undefined) {
        const module = site.module === undefined ? '' : `  module ${shown(site.module)}`;
        text += `    function ${shown(site.function)}${module}\n`;
      }
      if (site.enabledAddresses.length > 0) {
        const places = site.enabledAddresses.map((address) => inFile(file, site, address));
        text += `    asks whether it is enabled at ${places.join(', ')}\n`;
      }
      site.arguments.forEach(({ type, operand }, index) => {
        text += `    arg${index}  ${shown(type)}  ${shown(operand)}`.trimEnd();
        text += '\n';
      });
      site.translated?.forEach(({ type, argument }, index) => {
        text += `    args[${index}]  ${shown(type)}  from arg${argument}\n`;
      });
    }
  }
  await print(text);
}

function placeOf(file: ProbeFile, site: ProbeSite): string {
  return site.address === undefined ? 'nowhere' : `at ${inFile(file, site, site.address)}`;
}

/** Before linking DOF counts from the start of a function. */
function inFile({ unlinked }: ProbeFile, { function: name, formats }: ProbeSite, address: bigint): string {
  return unlinked && name !== undefined && formats.includes('dof')
    ? `${shown(name)}+${hex(address)}`
    : hex(address);
}

/** The path, and which part of a universal file. */
function titleOf({ path, slice }: ProbeFile): string {
  return slice === undefined ? shown(path) : `${shown(path)} (${slice})`;
}

/** One line for all places of a probe in a file that have arguments of the same types. */
async function printTable(files: readonly ProbeFile[], traced: Traced): Promise<void> {
  if (files.length === 0) return;
  const { plainTable } = await import('../table.ts');
  const lines: string[][] = [];
  for (const file of files) {
    const rows = new Map<string, [probe: string, types: string, traced: boolean | undefined]>();
    for (const site of file.sites) {
      const probe = shown(probeTitle(site));
      const types = site.arguments.map(({ type }) => shown(type)).join(', ');
      const key = JSON.stringify([probe, ...site.arguments.map(({ type }) => type)]);
      const now = traced.get(site);
      const row = rows.get(key);
      if (row === undefined) rows.set(key, [probe, types, now]);
      else row[2] = row[2] || now;
    }
    for (const [probe, types, now] of rows.values())
      lines.push([probe, types || '-', tracedText(now), titleOf(file)]);
  }
  await print(`${plainTable(['PROBE', 'ARGUMENTS', 'TRACED', 'FILE'], lines).join('\n')}\n`);
}

function tracedText(traced: boolean | undefined): string {
  return traced === undefined ? '-' : traced ? 'yes' : 'no';
}

function hexOrNull(value: bigint | undefined): string | null {
  return value === undefined ? null : hex(value);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
