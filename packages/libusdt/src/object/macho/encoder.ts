/**
 * Mach-O on-disk structures of 64-bit little-endian files, one method each: no state but the place, no layout. Fields
 * have the names of mach-o/loader.h and nlist.h. Every load command's size is a multiple of 8.
 */

import { alignUp } from '../bytes.ts';
import * as macho from './constants.ts';

export const MACH_HEADER_64 = 32;
export const SEGMENT_COMMAND_64 = 72;
export const SECTION_64 = 80;
export const DYLD_INFO_COMMAND = 48;
export const SYMTAB_COMMAND = 24;
export const DYSYMTAB_COMMAND = 80;
export const UUID_COMMAND = 24;
export const BUILD_VERSION_COMMAND = 24;
export const LINKEDIT_DATA_COMMAND = 16;
export const NLIST_64 = 16;
const DYLIB_COMMAND = 24;
const NAME = 16;

export interface MachHeader64 {
  readonly cputype: number;
  readonly cpusubtype: number;
  readonly filetype: number;
  readonly ncmds: number;
  readonly sizeofcmds: number;
  readonly flags: number;
}

export interface Section64 {
  readonly sectname: string;
  readonly segname: string;
  readonly addr: number;
  readonly size: number;
  readonly offset: number;
  /** log2 of the alignment. */
  readonly align: number;
  readonly flags: number;
}

export interface Segment64 {
  readonly segname: string;
  readonly vmaddr: number;
  readonly vmsize: number;
  readonly fileoff: number;
  readonly filesize: number;
  readonly maxprot: number;
  readonly initprot: number;
  readonly sections: readonly Section64[];
}

export interface DyldInfo {
  readonly rebase_off: number;
  readonly rebase_size: number;
  readonly bind_off: number;
  readonly bind_size: number;
  readonly export_off: number;
  readonly export_size: number;
}

export interface Dysymtab {
  readonly nlocalsym: number;
  readonly nextdefsym: number;
  readonly nundefsym: number;
}

export interface Nlist64 {
  readonly n_strx: number;
  readonly n_type: number;
  readonly n_sect: number;
  readonly n_desc: number;
  readonly n_value: number;
}

export class MachOEncoder {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get position(): number {
    return this.at;
  }

  seek(position: number): void {
    this.at = position;
  }

  header({ cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags }: MachHeader64): void {
    this.words(macho.MH_MAGIC_64, cputype, cpusubtype, filetype, ncmds, sizeofcmds, flags, 0);
  }

  segment(segment: Segment64): void {
    const { segname, sections, maxprot, initprot } = segment;
    this.words(macho.LC_SEGMENT_64, SEGMENT_COMMAND_64 + SECTION_64 * sections.length);
    this.name(segname);
    this.words64(segment.vmaddr, segment.vmsize, segment.fileoff, segment.filesize);
    this.words(maxprot, initprot, sections.length, 0);
    for (const { sectname, segname: of, addr, size, offset, align, flags } of sections) {
      this.name(sectname);
      this.name(of);
      this.words64(addr, size);
      // reloff, nreloc; reserved1 to reserved3
      this.words(offset, align, 0, 0, flags, 0, 0, 0);
    }
  }

  dyldInfo(info: DyldInfo): void {
    // rebase, bind, weak_bind, lazy_bind, export: offset and size of each
    this.words(macho.LC_DYLD_INFO_ONLY, DYLD_INFO_COMMAND, info.rebase_off, info.rebase_size);
    this.words(info.bind_off, info.bind_size, 0, 0, 0, 0, info.export_off, info.export_size);
  }

  symtab(symoff: number, nsyms: number, stroff: number, strsize: number): void {
    this.words(macho.LC_SYMTAB, SYMTAB_COMMAND, symoff, nsyms, stroff, strsize);
  }

  /** The symbols in their only order: local, defined, undefined. */
  dysymtab({ nlocalsym, nextdefsym, nundefsym }: Dysymtab): void {
    this.words(macho.LC_DYSYMTAB, DYSYMTAB_COMMAND, 0, nlocalsym, nlocalsym, nextdefsym);
    this.words(nlocalsym + nextdefsym, nundefsym);
    // Tables of contents, modules, references, indirect symbols and relocations: there are none.
    this.words(...new Array<number>(12).fill(0));
  }

  uuid(uuid: Uint8Array): void {
    this.words(macho.LC_UUID, UUID_COMMAND);
    this.bytes.set(uuid.subarray(0, 16), this.at);
    this.at += 16;
  }

  /** @param minos also taken for the SDK. Versions are xxxx.yy.zz in nibbles: 0x000b0000 is 11.0. */
  buildVersion(platform: number, minos: number): void {
    this.words(macho.LC_BUILD_VERSION, BUILD_VERSION_COMMAND, platform, minos, minos, 0);
  }

  /** Any version will do. */
  loadDylib(name: string): void {
    this.words(macho.LC_LOAD_DYLIB, loadDylibSize(name), DYLIB_COMMAND, 0, 0x10000, 0x10000);
    for (let index = 0; index < name.length; index++) this.bytes[this.at + index] = name.charCodeAt(index);
    this.at += loadDylibSize(name) - DYLIB_COMMAND;
  }

  codeSignature(dataoff: number, datasize: number): void {
    this.words(macho.LC_CODE_SIGNATURE, LINKEDIT_DATA_COMMAND, dataoff, datasize);
  }

  nlist({ n_strx, n_type, n_sect, n_desc, n_value }: Nlist64): void {
    this.words(n_strx);
    this.view.setUint8(this.at, n_type);
    this.view.setUint8(this.at + 1, n_sect);
    this.view.setUint16(this.at + 2, n_desc, true);
    this.at += 4;
    this.words64(n_value);
  }

  pointer(address: number): void {
    this.words64(address);
  }

  private words(...values: readonly number[]): void {
    for (const value of values) {
      this.view.setUint32(this.at, value, true);
      this.at += 4;
    }
  }

  private words64(...values: readonly number[]): void {
    for (const value of values) {
      this.view.setBigUint64(this.at, BigInt(value), true);
      this.at += 8;
    }
  }

  private name(text: string): void {
    if (text.length > NAME) throw new RangeError(`a name has at most ${NAME} characters: ${text}`);
    for (let index = 0; index < text.length; index++) this.bytes[this.at + index] = text.charCodeAt(index);
    this.at += NAME;
  }
}

export function loadDylibSize(name: string): number {
  return alignUp(DYLIB_COMMAND + name.length + 1, 8);
}
