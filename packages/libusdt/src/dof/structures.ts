/**
 * DOF's structures in bytes, one reader and one writer each, and nothing else. Fields have the names of
 * <sys/dtrace.h>, without their prefixes. 64-bit fields are bigints when read: a damaged document may hold anything.
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

/** dof_ecbdesc_t, of an enabling: which probes run which program. Indices of sections. */
export interface DofEcbdesc {
  readonly probes: number;
  readonly pred: number;
  readonly actions: number;
}

/** dof_probedesc_t */
export interface DofProbedesc {
  readonly strtab: number;
  readonly provider: number;
  readonly mod: number;
  readonly func: number;
  readonly name: number;
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
const RELOHDR: Fields<DofRelohdr> = [
  ['strtab', 0, 4],
  ['relsec', 4, 4],
  ['tgtsec', 8, 4],
];
const ECBDESC: Fields<DofEcbdesc> = [
  ['probes', 0, 4],
  ['pred', 4, 4],
  ['actions', 8, 4],
];
const PROBEDESC: Fields<DofProbedesc> = [
  ['strtab', 0, 4],
  ['provider', 4, 4],
  ['mod', 8, 4],
  ['func', 12, 4],
  ['name', 16, 4],
];

/** What was asked for is not within the view. */
export class OutsideDocument extends RangeError {}

/** All of these throw OutsideDocument. */
export const readHdr = (view: DofView): DofHdr => read(view, 0, HDR, SIZE.hdr);
export const readSec = (view: DofView, at: number): DofSec => read(view, at, SEC, SIZE.sec);
export const readRelohdr = (view: DofView, at: number): DofRelohdr => read(view, at, RELOHDR, SIZE.relohdr);
export const readEcbdesc = (view: DofView, at: number): DofEcbdesc => read(view, at, ECBDESC, SIZE.ecbdesc);
export const readProbedesc = (view: DofView, at: number): DofProbedesc =>
  read(view, at, PROBEDESC, SIZE.probedesc);
export const readProvider = (view: DofView, at: number, version: number): DofProviderEntry =>
  version === 1
    ? { ...read(view, at, PROVIDER.slice(0, -1) as typeof PROVIDER, SIZE.provider1), prenoffs: 0 }
    : read(view, at, PROVIDER, SIZE.provider);

export const writeHdr = (view: DofView, value: DofHdr<number>): void => write(view, 0, HDR, value);
export const writeSec = (view: DofView, at: number, value: DofSec<number>): void =>
  write(view, at, SEC, value);
export const writeRelohdr = (view: DofView, at: number, value: DofRelohdr): void =>
  write(view, at, RELOHDR, value);
export const writeProvider = (view: DofView, at: number, version: number, value: DofProviderEntry): void =>
  write(view, at, version === 1 ? PROVIDER.slice(0, -1) : PROVIDER, value);

// Of these there are thousands, in code that runs once: field by field, without a table, takes a tenth of the time.

/** The first document writers wrote 40 bytes, which end before the is-enabled fields. */
export function readProbe({ bytes, little }: DofView, at: number, version: number): DofProbeEntry {
  requireBytes(bytes, at, version === 1 ? SIZE.probe1 : SIZE.probe);
  return {
    addr: bytes.getBigUint64(at, little),
    func: bytes.getUint32(at + 8, little),
    name: bytes.getUint32(at + 12, little),
    nargv: bytes.getUint32(at + 16, little),
    xargv: bytes.getUint32(at + 20, little),
    argidx: bytes.getUint32(at + 24, little),
    offidx: bytes.getUint32(at + 28, little),
    nargc: bytes.getUint8(at + 32),
    xargc: bytes.getUint8(at + 33),
    noffs: bytes.getUint16(at + 34, little),
    enoffidx: version === 1 ? 0 : bytes.getUint32(at + 36, little),
    nenoffs: version === 1 ? 0 : bytes.getUint16(at + 40, little),
  };
}

export function writeProbe({ bytes, little }: DofView, at: number, value: DofProbeEntry<Word>): void {
  writeWord(bytes, at, value.addr, little);
  bytes.setUint32(at + 8, value.func, little);
  bytes.setUint32(at + 12, value.name, little);
  bytes.setUint32(at + 16, value.nargv, little);
  bytes.setUint32(at + 20, value.xargv, little);
  bytes.setUint32(at + 24, value.argidx, little);
  bytes.setUint32(at + 28, value.offidx, little);
  bytes.setUint8(at + 32, value.nargc);
  bytes.setUint8(at + 33, value.xargc);
  bytes.setUint16(at + 34, value.noffs, little);
  bytes.setUint32(at + 36, value.enoffidx, little);
  bytes.setUint16(at + 40, value.nenoffs, little);
}

export function readRelodesc({ bytes, little }: DofView, at: number): DofRelodesc {
  requireBytes(bytes, at, SIZE.relodesc);
  return {
    name: bytes.getUint32(at, little),
    type: bytes.getUint32(at + 4, little),
    offset: bytes.getBigUint64(at + 8, little),
    data: bytes.getBigUint64(at + 16, little),
  };
}

export function writeRelodesc({ bytes, little }: DofView, at: number, value: DofRelodesc<number>): void {
  bytes.setUint32(at, value.name, little);
  bytes.setUint32(at + 4, value.type, little);
  writeWord(bytes, at + 8, value.offset, little);
  writeWord(bytes, at + 16, value.data, little);
}

/** 64 bits, of a number without making a bigint of it. */
function writeWord(bytes: DataView, at: number, word: Word, little: boolean): void {
  if (typeof word === 'bigint') {
    bytes.setBigUint64(at, word, little);
    return;
  }
  bytes.setUint32(at + (little ? 0 : 4), word, little);
  bytes.setUint32(at + (little ? 4 : 0), Math.floor(word / 2 ** 32), little);
}

export function requireBytes(bytes: DataView, at: number, size: number): void {
  if (at < 0 || at + size > bytes.byteLength) throw new OutsideDocument(`${size} bytes at ${at}`);
}

function read<T>({ bytes, little }: DofView, at: number, fields: Fields<T>, size: number): T {
  requireBytes(bytes, at, size);
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
    if (kind === 8) writeWord(bytes, to, word, little);
    else if (kind === 4) bytes.setUint32(to, Number(word), little);
    else if (kind === 2) bytes.setUint16(to, Number(word), little);
    else bytes.setUint8(to, Number(word));
  }
}
