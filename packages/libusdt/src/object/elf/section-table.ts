/** The section headers of a shared object, and with them where in the file the sections lie that are not loaded. */

import { alignUp, writeCString } from '../bytes.ts';
import * as elf from './constants.ts';
import type { Shdr } from './encoder.ts';
import { MACHINES } from './machines.ts';
import { loadedEnd, type SharedObjectLayout, sectionIndex, stringTableSize } from './plan.ts';

export class SectionTable {
  /** Offset in the file behind the last section. */
  end: number;
  readonly #layout: SharedObjectLayout;
  readonly #names: string[] = [];
  readonly #headers: Omit<Shdr, 'sh_name'>[] = [];

  /** With the headers of all sections that are loaded. */
  constructor(layout: SharedObjectLayout) {
    this.#layout = layout;
    this.end = loadedEnd(layout.sections);
    const { relocations } = MACHINES[layout.plan.arch];
    const dynsym = sectionIndex(layout, '.dynsym');
    const dynstr = sectionIndex(layout, '.dynstr');
    const links: Readonly<Record<string, readonly [sh_link: number, sh_info: number]>> = {
      '.hash': [dynsym, 0],
      '.dynsym': [dynstr, 1],
      [relocations.section]: [dynsym, 0],
      '.dynamic': [dynstr, 0],
    };
    for (const { name, ...section } of layout.sections) {
      const [sh_link, sh_info] = links[name] ?? [0, 0];
      this.#names.push(name);
      this.#headers.push({ ...section, sh_link, sh_info });
    }
  }

  /** Sections so far, without the null section. */
  get count(): number {
    return this.#names.length;
  }

  /** Adds a section that is not loaded, and returns its offset in the file. */
  append(
    name: string,
    sh_type: number,
    sh_size: number,
    sh_addralign: number,
    { sh_link = 0, sh_info = 0, sh_entsize = 0 }: Partial<Shdr> = {},
  ): number {
    const sh_offset = alignUp(this.end, sh_addralign);
    this.end = sh_offset + sh_size;
    this.#names.push(name);
    const place = { sh_addr: 0, sh_offset, sh_size, sh_addralign };
    this.#headers.push({ sh_type, sh_flags: 0, ...place, sh_link, sh_info, sh_entsize });
    return sh_offset;
  }

  /** Adds `.shstrtab`, with room for the names of all sections so far and of those that follow. */
  appendNames(following: readonly string[]): number {
    const names = [...this.#names, '.shstrtab', ...following];
    return this.append('.shstrtab', elf.SHT_STRTAB, stringTableSize(names), 1);
  }

  write(bytes: Uint8Array, view: DataView, e_shoff: number, shstrtab: number): void {
    const { encoder } = MACHINES[this.#layout.plan.arch];
    let name = shstrtab + 1;
    let at = e_shoff + encoder.sizes.shdr;
    for (const [index, header] of this.#headers.entries()) {
      at = encoder.shdr(view, at, { ...header, sh_name: name - shstrtab });
      name = writeCString(bytes, name, this.#names[index]!);
    }
  }
}
