/**
 * Is a probe traced now? Every tracer on Linux patches the tracepoint in the memory of the process: int3, a call, brk.
 * Some raise the probe's semaphore as well. So the truth is in the process: its bytes differ from the file's, or the
 * counter is not zero. Where no process can be looked at, there is no answer.
 */

import * as fs from 'node:fs';
import { READERS } from 'libusdt/codecs';
import { tracedGuarded } from './guarded.ts';
import { inodeOf, type Mapping } from './maps.ts';
import type { ProbeFile, ProbeSite } from './probe.ts';
import { processIds, readMappings } from './sources.ts';

/** Bytes of an instruction of most processors that have no name here. */
const INSTRUCTION = 4;

/**
 * The mappings of every process that maps something with a key in `keys`.
 * @param read the mappings of a process, if they are known.
 */
export function findMappings(
  keys: ReadonlySet<string>,
  pids: Iterable<number> = processIds(),
  read: typeof readMappings = readMappings,
): Map<number, Mapping[]> {
  const inodes = new Set(Array.from(keys, inodeOf));
  const found = new Map<number, Mapping[]>();
  for (const pid of pids) {
    const mappings = (read(pid, undefined, inodes) ?? []).filter(({ key }) => keys.has(key));
    if (mappings.length > 0) found.set(pid, mappings);
  }
  return found;
}

/**
 * Whether each site is traced in any of the processes. A site is missing from the answer where nothing could be seen.
 */
export function tracedSites(
  files: readonly ProbeFile[],
  processes: ReadonlyMap<number, readonly Mapping[]>,
): Map<ProbeSite, boolean> {
  const byKey = new Map<string, ProbeFile[]>();
  for (const file of files) {
    if (file.guarded) continue;
    for (const key of new Set(file.mapKeys)) byKey.set(key, [...(byKey.get(key) ?? []), file]);
  }
  const traced = new Map<ProbeSite, boolean>();
  for (const [pid, mappings] of processes) {
    let fd: number | undefined;
    try {
      fd = fs.openSync(`/proc/${pid}/mem`, 'r');
      for (const key of new Set(mappings.map((mapping) => mapping.key))) {
        const own = mappings.filter((mapping) => mapping.key === key);
        for (const file of byKey.get(key) ?? []) {
          for (const site of file.sites) {
            if (traced.get(site) === true) continue;
            const answer = tracedIn(fd, file, site, own);
            if (answer !== undefined) traced.set(site, answer);
          }
        }
      }
    } catch {
      // Not ours to look at, or gone.
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }
  const guarded = files.filter((file) => file.guarded);
  if (guarded.length === 0) return traced;
  tracedGuarded(guarded, processes).forEach((answers, file) => {
    answers.forEach((answer, site) => {
      if (answer !== undefined) traced.set(guarded[file]!.sites[site]!, answer);
    });
  });
  return traced;
}

function tracedIn(
  fd: number,
  file: ProbeFile,
  site: ProbeSite,
  mappings: readonly Mapping[],
): boolean | undefined {
  const length = patchedLength(file, site.code);
  const code = length > 0 ? readMemory(fd, addressOf(mappings, site.offset, true), length) : undefined;
  if (code === undefined) return undefined;
  if (code.some((byte, index) => byte !== site.code[index])) return true;
  const counter = readMemory(fd, addressOf(mappings, site.semaphoreOffset, false), 2);
  return counter !== undefined && (counter[0] !== 0 || counter[1] !== 0);
}

/** How many bytes tracers may change. */
function patchedLength({ arch }: ProbeFile, code: Uint8Array): number {
  return arch === undefined ? Math.min(INSTRUCTION, code.length) : READERS[arch].patchedLength(code);
}

function addressOf(
  mappings: readonly Mapping[],
  offset: bigint | undefined,
  executable: boolean,
): bigint | undefined {
  if (offset === undefined) return undefined;
  for (const mapping of mappings) {
    if (executable && !mapping.executable) continue;
    const address = mapping.start + (offset - mapping.offset);
    if (offset >= mapping.offset && address < mapping.end && (executable || mapping.writable)) return address;
  }
  return undefined;
}

function readMemory(fd: number, address: bigint | undefined, length: number): Uint8Array | undefined {
  if (address === undefined) return undefined;
  const bytes = new Uint8Array(length);
  try {
    return fs.readSync(fd, bytes, 0, length, address) === length ? bytes : undefined;
  } catch {
    return undefined;
  }
}
