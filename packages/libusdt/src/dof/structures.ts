/**
 * DOF's structures in bytes, one reader and one writer each, and nothing else. Fields have the names of
 * <sys/dtrace.h>, without their prefixes. 64-bit fields are bigints when read: a damaged document may hold anything.
 * @module
 */

import { SIZE } from './constants.ts';
import type { DofAttributes, DofFormat } from './document.ts';

/** A view of a document, and its byte order. */
export interface DofView {
  readonly bytes: DataView;
  readonly little: boolean;
}

export function dofView(bytes: Uint8Array, encoding: DofFormat['encoding']): DofView {
  const { buffer, byteOffset, byteLength } = bytes;
  return { bytes: new DataView(buffer, byteOffset, byteLength), little: encoding === 'LSB' };
}

type Word = number | bigint;

/** dof_hdr_t after its dofh_ident. */
export interface DofHdr<W extends Word = bigint> {
  readonly flags: number;
  readonly hdrsize: number;
  readonly secsize: number;
  readonly secnum: number;
  readonly secoff: W;
  readonly loadsz: W;
  readonly filesz: W;
  readonly pad: W;
}

/** dof_sec_t */
export interface DofSec<W extends Word = bigint> {
  readonly type: number;
  readonly align: number;
  readonly flags: number;
  readonly entsize: number;
  readonly offset: W;
  readonly size: W;
}

/** dof_provider_t */
export interface DofProviderEntry extends DofAttributes {
  readonly strtab: number;
  readonly probes: number;
  readonly prargs: number;
  readonly proffs: number;
  readonly name: number;
  /** 0 if there is none, and in version 1. */
  readonly prenoffs: number;
}

/** dof_probe_t */
export interface DofProbeEntry<W extends Word = bigint> {
  readonly addr: W;
  readonly func: number;
  readonly name: number;
  readonly nargv: number;
  readonly xargv: number;
  readonly argidx: number;
  readonly offidx: number;
  readonly nargc: number;
  readonly xargc: number;
  readonly noffs: number;
  readonly enoffidx: number;
  readonly nenoffs: number;
}

/** dof_relohdr_t */
export interface DofRelohdr {
  readonly strtab: number;
  readonly relsec: number;
  readonly tgtsec: number;
}

/** dof_relodesc_t */
export interface DofRelodesc<W extends Word = bigint> {
  readonly name: number;
  readonly type: number;
  readonly offset: W;
  readonly data: W;
}

type Kind = 1 | 2 | 4 | 8;
type Fields<T> = readonly (readonly [name: keyof T & string, offset: number, size: Kind])[];

const HDR: Fields<DofHdr> = [
  ['flags', 16, 4],
  ['hdrsize', 20, 4],
  ['secsize', 24, 4],
  ['secnum', 28, 4],
  ['secoff', 32, 8],
  ['loadsz', 40, 8],
  ['filesz', 48, 8],
  ['pad', 56, 8],
];
const SEC: Fields<DofSec> = [
  ['type', 0, 4],
  ['align', 4, 4],
  ['flags', 8, 4],
  ['entsize', 12, 4],
  ['offset', 16, 8],
  ['size', 24, 8],
];
const PROVIDER: Fields<DofProviderEntry> = [
  ['strtab', 0, 4],
  ['probes', 4, 4],
  ['prargs', 8, 4],
  ['proffs', 12, 4],
  ['name', 16, 4],
  ['provattr', 20, 4],
  ['modattr', 24, 4],
  ['funcattr', 28, 4],
  ['nameattr', 32, 4],
  ['argsattr', 36, 4],
  ['prenoffs', 40, 4],
];
const PROBE: Fields<DofProbeEntry> = [
  ['addr', 0, 8],
  ['func', 8, 4],
  ['name', 12, 4],
  ['nargv', 16, 4],
  ['xargv', 20, 4],
  ['argidx', 24, 4],
  ['offidx', 28, 4],
  ['nargc', 32, 1],
  ['xargc', 33, 1],
  ['noffs', 34, 2],
  ['enoffidx', 36, 4],
  ['nenoffs', 40, 2],
];
const RELOHDR: Fields<DofRelohdr> = [
  ['strtab', 0, 4],
  ['relsec', 4, 4],
  ['tgtsec', 8, 4],
];
const RELODESC: Fields<DofRelodesc> = [
  ['name', 0, 4],
  ['type', 4, 4],
  ['offset', 8, 8],
  ['data', 16, 8],
];

/** The structure's bytes must be within the view. */
export const readHdr = (view: DofView): DofHdr => read(view, 0, HDR, SIZE.hdr);
export const readSec = (view: DofView, at: number): DofSec => read(view, at, SEC, SIZE.sec);
/** The first document writers wrote 40 bytes, which end before the is-enabled fields. */
export const readProbe = (view: DofView, at: number, version: number): DofProbeEntry =>
  version === 1
    ? { ...read(view, at, PROBE.slice(0, -2) as typeof PROBE, SIZE.probe1), enoffidx: 0, nenoffs: 0 }
    : read(view, at, PROBE, SIZE.probe);
export const readRelohdr = (view: DofView, at: number): DofRelohdr => read(view, at, RELOHDR, SIZE.relohdr);
export const readRelodesc = (view: DofView, at: number): DofRelodesc =>
  read(view, at, RELODESC, SIZE.relodesc);
export const readProvider = (view: DofView, at: number, version: number): DofProviderEntry =>
  version === 1
    ? { ...read(view, at, PROVIDER.slice(0, -1) as typeof PROVIDER, SIZE.provider1), prenoffs: 0 }
    : read(view, at, PROVIDER, SIZE.provider);

export const writeHdr = (view: DofView, value: DofHdr<number>): void => write(view, 0, HDR, value);
export const writeSec = (view: DofView, at: number, value: DofSec<number>): void =>
  write(view, at, SEC, value);
export const writeProbe = (view: DofView, at: number, value: DofProbeEntry<Word>): void =>
  write(view, at, PROBE, value);
export const writeRelohdr = (view: DofView, at: number, value: DofRelohdr): void =>
  write(view, at, RELOHDR, value);
export const writeRelodesc = (view: DofView, at: number, value: DofRelodesc<number>): void =>
  write(view, at, RELODESC, value);
export const writeProvider = (view: DofView, at: number, version: number, value: DofProviderEntry): void =>
  write(view, at, version === 1 ? PROVIDER.slice(0, -1) : PROVIDER, value);

function read<T>({ bytes, little }: DofView, at: number, fields: Fields<T>, size: number): T {
  if (at + size > bytes.byteLength) throw new RangeError(`no ${size} bytes at ${at}`);
  const value: Record<string, Word> = {};
  for (const [name, offset, kind] of fields) {
    const from = at + offset;
    if (kind === 8) value[name] = bytes.getBigUint64(from, little);
    else if (kind === 4) value[name] = bytes.getUint32(from, little);
    else value[name] = kind === 2 ? bytes.getUint16(from, little) : bytes.getUint8(from);
  }
  return value as T;
}

function write<T>({ bytes, little }: DofView, at: number, fields: Fields<T>, value: object): void {
  const given = value as Record<string, Word>;
  for (const [name, offset, kind] of fields) {
    const to = at + offset;
    const word = given[name]!;
    if (kind === 8) bytes.setBigUint64(to, BigInt(word), little);
    else if (kind === 4) bytes.setUint32(to, Number(word), little);
    else if (kind === 2) bytes.setUint16(to, Number(word), little);
    else bytes.setUint8(to, Number(word));
  }
}
