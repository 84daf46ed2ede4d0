/**
 * What all generators of scripts share: the probes that a script is for, and the texts that it is made of. There is one
 * file per tracer, with one function of the type `Generate`; index.ts lists them.
 */

import type { ArgumentType } from '../catalogue/argument-type.ts';
import type { Match } from '../catalogue/discovery.ts';
import { isGuarding, keysGuarded } from '../catalogue/guarded.ts';
import { keyOf } from '../catalogue/maps.ts';
import { type ProbeFile, type ProbeSite, probeTitle } from '../catalogue/probe.ts';
import { escapeUnseen, shown } from '../text.ts';
import { argumentTypes, type TypeOverride } from '../types.ts';

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

/** How scripts for a tracer are written. */
export interface ScriptLanguage {
  readonly generate: Generate;
  /** Why a probe can't be written in it; undefined if it can. Others don't come to `generate`. */
  readonly obstacle: (probe: ScriptProbe) => string | undefined;
}

/** What a text must not have, and what to say of it then. */
export type Rule = readonly [forbidden: RegExp, reason: string];

/** A script is text in UTF-8, which people read in a terminal before they run it. */
const VISIBLE: Rule = [/[\p{C}\p{Zl}\p{Zp}]/u, "what is not seen or not UTF-8 can't be in a script"];

/** The first rule that a text breaks; undefined if it can be written. */
export function brokenRule(text: string, rules: readonly Rule[]): string | undefined {
  return [VISIBLE, ...rules].find(([forbidden]) => forbidden.test(text))?.[1];
}

/** The probes that matched, in the order in which they were found. */
export function scriptProbes(matches: readonly Match[], overrides: readonly TypeOverride[]): ScriptProbe[] {
  const groups = new Map<string, { readonly file: ProbeFile; readonly sites: ProbeSite[] }>();
  for (const { file, site } of matches) {
    const key = `${file.key} ${probeTitle(site)}`;
    const group = groups.get(key);
    if (group) group.sites.push(site);
    else groups.set(key, { file, sites: [site] });
  }
  const paths = pathsOf(Array.from(groups.values(), ({ file }) => file));
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
    return { provider, name, sdtProvider, sdtName, file, path: paths.get(file)!, sites, arguments: shared };
  });
}

/** The name that people use, unless it means another file here: then the one through the container's root. */
function pathsOf(files: readonly ProbeFile[]): ReadonlyMap<ProbeFile, string> {
  const paths = new Map(files.map((file) => [file, file.openPath]));
  const names = [...paths.keys()]
    .filter(({ path, openPath }) => path !== openPath)
    .flatMap((file) => [`/proc/${file.pids[0]}/root${file.path}`, file.path].map((path) => ({ file, path })));
  const candidates = names.map(({ path }) => path);
  const keys = isGuarding() ? keysGuarded(candidates) : candidates.map(keyOf);
  names.forEach(({ file, path }, index) => {
    if (keys[index] === file.statKey) paths.set(file, path);
  });
  return paths;
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
    const types = probe.arguments.map(({ name, size, isSigned }) => [name, size, isSigned]);
    const key = JSON.stringify([probeTitle(probe), types, perFile(probe)]);
    const group = groups.get(key);
    if (group) group.push(probe);
    else groups.set(key, [probe]);
  }
  return Array.from(groups.values(), (group) => ({ first: group[0]!, probes: group }));
}

/** `webapp:request-start(uint32_t, char *)`. */
export function signature(probe: ScriptProbe): string {
  return `${shown(probeTitle(probe))}(${probe.arguments.map((type) => shown(type.name)).join(', ')})`;
}

/** What the numbers of some types mean, in words for a comment: the tracers know integers and text only. */
export function notesOn(types: readonly ScriptArgument[]): string[] {
  return types.flatMap((type, index) => {
    if (type.kind === 'double')
      return [`arg${index} is a ${shown(type.name)}: what is shown are the bits of the ${bitsName(type)}`];
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
  if (providers.size !== 1) return 'probes';
  return probes[0]!.provider.replaceAll(/[^\w-]|^-/g, '_').slice(0, WORD_MAX) || 'probes';
}

/** Characters of words that are made from names. A file's name has 255 bytes, an event's 64 with the NUL. */
const WORD_MAX = 48;

/** A name that every C-like language takes for one word. Different texts may have the same: see `Words`. */
export function identifier(text: string): string {
  const word = text.replaceAll(/\W/g, '_').slice(0, WORD_MAX);
  return /^\d/.test(word) ? `_${word}` : word;
}

/** Identifiers of one script, of which each is given once. */
export class Words {
  private readonly given = new Set<string>();

  /** The word itself, or with a number behind it. */
  unique(word: string): string {
    let unique = word;
    for (let n = 1; this.given.has(unique); n++) unique = `${word}_${n}`;
    this.given.add(unique);
    return unique;
  }
}

/**
 * Lines with a comment sign before each. Whatever is in them, a line stays one: neither a control character nor C's
 * backslash at its end (or the trigraph for it) ends or prolongs the comment.
 */
export function comment(sign: string, lines: readonly string[]): string {
  return lines
    .map((line) => `${sign} ${escapeUnseen(line)}`.trimEnd().replace(/(?:\\|\?\?\/)$/, '$&.'))
    .join('\n');
}

/** A string literal of the languages that are C's descendants, of text without control characters. */
export function cString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/**
 * What a printf of those prints as the name of a probe: to be put between the quotes of a format.
 * @param percent how a format has that sign.
 */
export function printfTitle(probe: Pick<ProbeSite, 'provider' | 'name'>, percent = '%%'): string {
  return cString(shown(probeTitle(probe)).replaceAll('%', percent)).slice(1, -1);
}

/** What differs between the printf functions of the tracers. */
export interface PrintfDialect {
  /** Stands before the letter of a 64-bit integer's conversion. */
  readonly long: 'll' | '';
  /** How a string is printed. */
  readonly string: string;
}

/** The part of a printf's format that prints the arguments, as in ` arg0=%llu arg1=%s`. */
export function printfArguments(types: readonly ScriptArgument[], dialect: PrintfDialect): string {
  return types.map((type, index) => ` arg${index}=${conversion(type, dialect)}`).join('');
}

function conversion({ kind, isSigned }: ScriptArgument, { long, string }: PrintfDialect): string {
  if (kind === 'json') return '%s';
  if (kind === 'string') return string;
  if (kind === 'pointer' || kind === 'double') return `0x%${long}x`;
  return `%${long}${isSigned ? 'd' : 'u'}`;
}
