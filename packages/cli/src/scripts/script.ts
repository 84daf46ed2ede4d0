/**
 * What all generators of scripts share: the probes that a script is for, and the texts that it is made of. There is one
 * file per tracer, with one function of the type `Generate`; index.ts lists them.
 * @module
 */

import * as fs from 'node:fs';
import type { Match } from '../catalogue/discovery.ts';
import { statKey } from '../catalogue/maps.ts';
import type { ProbeFile, ProbeSite } from '../catalogue/probe.ts';
import { type ArgumentType, argumentTypes, type TypeOverride } from '../types.ts';

/** A probe in one file; it may have several sites there. */
export interface ScriptProbe {
  readonly provider: string;
  readonly name: string;
  /** As in the SDT note, where `-` is spelled `__`. */
  readonly sdtProvider: string;
  readonly sdtName: string;
  readonly file: ProbeFile;
  /** A path under which this machine's tracers find the file. */
  readonly path: string;
  readonly sites: readonly ProbeSite[];
  /** Those that all sites agree on. */
  readonly arguments: readonly ScriptArgument[];
}

export interface ScriptArgument extends ArgumentType {
  /** Bytes. */
  readonly size: number;
  /** Whether an integer is signed, by its type or else by its note. */
  readonly isSigned: boolean;
  /** Shown as text, by its address. */
  readonly text: boolean;
}

export interface ScriptRequest {
  readonly probes: readonly ScriptProbe[];
  /** Trace these processes only; empty for all. */
  readonly pids: readonly number[];
  /** The command line that asked for it, for the script's first lines. */
  readonly command: string;
  /** Arguments by which events are grouped, as numbers; only ebpf_exporter has a use for it. */
  readonly by: readonly number[];
}

export interface ScriptFile {
  /** Without a folder. */
  readonly name: string;
  readonly text: string;
}

/** A script's files; the first is the one to run. */
export type Generate = (request: ScriptRequest) => readonly ScriptFile[];

/** The probes that matched, in the order in which they were found. */
export function scriptProbes(matches: readonly Match[], overrides: readonly TypeOverride[]): ScriptProbe[] {
  const groups = new Map<string, { readonly file: ProbeFile; readonly sites: ProbeSite[] }>();
  for (const { file, site } of matches) {
    const key = `${file.key} ${site.provider}:${site.name}`;
    const group = groups.get(key);
    if (group) group.sites.push(site);
    else groups.set(key, { file, sites: [site] });
  }
  return Array.from(groups.values(), ({ file, sites }) => {
    const [first, ...others] = sites as [ProbeSite, ...ProbeSite[]];
    const types = argumentTypes(file, first, overrides).map((type, index): ScriptArgument => {
      const { size, signed } = first.arguments[index]!;
      const text = type.kind === 'string' || type.kind === 'json';
      return { ...type, size, isSigned: type.signed ?? signed, text };
    });
    const differs = types.findIndex((_, index) =>
      others.some((site) => site.arguments[index]?.type !== first.arguments[index]!.type),
    );
    const { provider, name, sdtProvider, sdtName } = first;
    const shared = differs === -1 ? types : types.slice(0, differs);
    return { provider, name, sdtProvider, sdtName, file, path: pathOf(file), sites, arguments: shared };
  });
}

/** The name that people use, unless it means another file here: then the one through the container's root. */
function pathOf(file: ProbeFile): string {
  try {
    if (statKey(fs.statSync(file.path, { bigint: true })) === file.statKey) return file.path;
  } catch {
    // Not there, or not for us.
  }
  return file.openPath;
}

/** Probes that differ in nothing but the file: one clause does for all. */
export interface ProbeGroup {
  readonly first: ScriptProbe;
  readonly probes: readonly ScriptProbe[];
}

/** @param perFile what else must be the same, such as the architecture. */
export function groupProbes(
  probes: readonly ScriptProbe[],
  perFile: (probe: ScriptProbe) => string = () => '',
): ProbeGroup[] {
  const groups = new Map<string, ScriptProbe[]>();
  for (const probe of probes) {
    const types = probe.arguments.map(({ name, size, isSigned }) => `${name}/${size}/${isSigned}`).join();
    const key = `${probe.provider}:${probe.name}(${types}) ${perFile(probe)}`;
    const group = groups.get(key);
    if (group) group.push(probe);
    else groups.set(key, [probe]);
  }
  return Array.from(groups.values(), (group) => ({ first: group[0]!, probes: group }));
}

/** `webapp:request-start(uint32_t, char *)`. */
export function signature({ provider, name, arguments: types }: ScriptProbe): string {
  return `${provider}:${name}(${types.map((type) => type.name).join(', ')})`;
}

/** What the numbers of some types mean, in words for a comment: the tracers know integers and text only. */
export function notesOn(types: readonly ScriptArgument[]): string[] {
  return types.flatMap((type, index) => {
    if (type.kind === 'float')
      return [`arg${index} is a ${type.name}: what is shown are the bits of the ${bitsName(type)}`];
    if (type.scale !== 1) return [`arg${index} is shown times ${type.scale}: divide it to get the value`];
    return [];
  });
}

function bitsName({ size }: ScriptArgument): string {
  return size === 4 ? 'float' : 'double';
}

/** The name of a script's file, without its ending: the provider's, where there is one. */
export function baseName(probes: readonly ScriptProbe[]): string {
  const providers = new Set(probes.map(({ provider }) => provider));
  return providers.size === 1 ? probes[0]!.provider.replaceAll(/[^\w-]/g, '_') : 'probes';
}

/** A name that every C-like language takes for one word. */
export function identifier(text: string): string {
  const word = text.replaceAll(/\W/g, '_');
  return /^\d/.test(word) ? `_${word}` : word;
}

/** Lines with a comment sign before each. Control characters could end the comment. */
export function comment(sign: string, lines: readonly string[]): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const clean = (line: string): string => line.replaceAll(/[\u0000-\u001f\u007f]/g, '?');
  return lines.map((line) => `${sign} ${clean(line)}`.trimEnd()).join('\n');
}

/** A string literal of the languages that are C's descendants. */
export function cString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/** One word for the shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
