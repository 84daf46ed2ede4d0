/**
 * Finds the probes that patterns ask for, now and again later: in files named, in processes, in a program about to be
 * started, and in libusdt's images of earlier runs, which is where the probes of a program are before it starts.
 */

import * as fs from 'node:fs';
import { join } from 'node:path';
import { folderCandidates } from 'libusdt/cache';
import type { Pattern } from '../pattern.ts';
import type { ProbeFilter } from './dof-probes.ts';
import type { ProbeFile, ProbeSite } from './probe.ts';
import { openProbeFiles, ProcessScanner, processIds } from './sources.ts';

export interface Match {
  readonly file: ProbeFile;
  readonly site: ProbeSite;
}

export interface DiscoveryOptions {
  readonly patterns: readonly Pattern[];
  /** Look only into these files. */
  readonly files?: readonly string[];
  /** Look only into what these processes have mapped. */
  readonly pids?: readonly number[];
  /** Processes to look into besides, and their children (a program that was started for tracing). */
  readonly tree?: readonly number[];
  /** Files that those processes will map: looked into besides, without complaint. */
  readonly programs?: readonly string[];
}

/** How often all processes are looked at again; new ones are at every call. In milliseconds. */
const FULL_SCAN = 5000;

export class Discovery {
  private readonly options: DiscoveryOptions;
  private readonly wanted: ProbeFilter;
  private readonly scanner: ProcessScanner;
  private readonly files: string[];
  private readonly everywhere: boolean;
  /** The version of each image that was read last: a folder may have many, and most stay as they are. */
  private readonly images = new Map<string, string>();
  /** Places that were returned: one file may be found once more through another mount. */
  private readonly returned = new Set<string>();
  private readonly told = new Set<string>();
  private seen = new Set<number>();
  private fullScan = 0;
  private started = false;

  constructor(options: DiscoveryOptions) {
    this.options = options;
    this.wanted = (site) => options.patterns.some((pattern) => pattern.matches(site));
    this.scanner = new ProcessScanner(this.wanted, true);
    // A path that is not there may be one in a container, which the look into processes finds.
    const named = options.patterns.flatMap(({ file }) => (file && fs.existsSync(file) ? [file] : []));
    this.files = [...(options.files ?? []), ...named];
    this.everywhere = !options.files && options.patterns.some(({ file }) => !file || !named.includes(file));
  }

  /** What could not be read, and why, that no earlier call returned. */
  newProblems(): string[] {
    const fresh = [...this.scanner.problems].filter(([about]) => !this.told.has(about));
    for (const [about] of fresh) this.told.add(about);
    return fresh.map(([, problem]) => problem);
  }

  /**
   * Matches that no earlier call returned.
   * @throws FailureError for a file that the user named and that can't be read.
   */
  find(): Match[] {
    const found: ProbeFile[] = [];
    if (!this.started) {
      for (const path of this.files) {
        found.push(...this.scanner.add(openProbeFiles(path, this.wanted)));
      }
    }
    const first = !this.started;
    this.started = true;
    // Files that were named are all there is to look into, unless a pattern goes without one.
    if (this.everywhere) {
      if (first) found.push(...this.quietly(this.options.programs ?? []));
      if (!this.options.pids) found.push(...this.newImages());
      found.push(...this.scanner.scan(this.processes()));
    }
    return this.matching(found);
  }

  /** Matches in a file that a program maps, if it is to be looked into and no earlier call returned them. */
  findIn(path: string): Match[] {
    return this.everywhere ? this.matching(this.quietly([path])) : [];
  }

  /** A pattern that names a file, for what one of the patterns would find in it. */
  patternFor(path: string): string | undefined {
    const pattern = this.options.patterns.find((each) => each.matchesFile({ path }));
    return pattern && `${path}:${pattern.provider || '*'}:${pattern.name || '*'}`;
  }

  private matching(files: readonly ProbeFile[]): Match[] {
    const matches: Match[] = [];
    for (const file of files) {
      const found: ProbeSite[] = [];
      const patterns = this.options.patterns.filter((pattern) => pattern.matchesFile(file));
      for (const site of file.sites) {
        if (patterns.some((pattern) => pattern.matches(site))) found.push(site);
      }
      // Sites of one file may share a place; those of one file seen twice are all left out.
      const fresh = found.filter((site) => !this.returned.has(placeOf(file, site)));
      for (const site of fresh) {
        this.returned.add(placeOf(file, site));
        matches.push({ file, site });
      }
    }
    return matches;
  }

  private processes(): Iterable<number> {
    const { pids, tree } = this.options;
    if (pids) return pids;
    if (tree) return tree.flatMap(processTree);
    const all = processIds();
    const now = Date.now();
    if (now >= this.fullScan) {
      this.fullScan = now + FULL_SCAN;
      this.seen = new Set(all);
      return all;
    }
    const fresh = all.filter((pid) => !this.seen.has(pid));
    for (const pid of fresh) this.seen.add(pid);
    return fresh;
  }

  private newImages(): ProbeFile[] {
    const changed = imageFolders()
      .flatMap(imagesIn)
      .filter((path) => {
        const version = versionOf(path);
        if (version === this.images.get(path)) return false;
        this.images.set(path, version);
        return true;
      });
    return this.quietly(changed);
  }

  private quietly(paths: readonly string[]): ProbeFile[] {
    const files: ProbeFile[] = [];
    for (const path of paths) {
      try {
        files.push(...this.scanner.add(openProbeFiles(path, this.wanted)));
      } catch {
        // Not an object file, half written, or removed since: the next call sees what an image has become.
      }
    }
    return files;
  }
}

function placeOf({ key, slice }: ProbeFile, { sdtProvider, sdtName, offset }: ProbeSite): string {
  return JSON.stringify([key, slice, offset?.toString(), sdtProvider, sdtName]);
}

/** The folders in which libusdt publishes for this user, whether they exist or not. */
export function imageFolders(): string[] {
  return folderCandidates(process.env);
}

function imagesIn(folder: string): string[] {
  try {
    return fs
      .readdirSync(folder)
      .filter((name) => name.startsWith('libusdt-') && name.endsWith('.so'))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function versionOf(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : '';
}

/** A process and all its descendants. */
export function processTree(pid: number): number[] {
  const tree = [pid];
  for (const parent of tree) {
    try {
      for (const thread of fs.readdirSync(`/proc/${parent}/task`)) {
        const children = fs.readFileSync(`/proc/${parent}/task/${thread}/children`, 'latin1');
        for (const child of children.split(' ')) if (child !== '') tree.push(Number(child));
      }
    } catch {
      // Gone.
    }
  }
  return tree;
}
