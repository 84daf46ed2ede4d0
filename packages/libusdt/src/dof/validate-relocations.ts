/**
 * The rules for relocations, and what they do: systems add the address where an object was loaded to words of the
 * document before they look at its providers, wherever these words are.
 */

import * as dof from './constants.ts';
import { type Examined, isLoaded, referred, refuse, sectionHeaderAt, sectionsOf } from './examined.ts';
import { type DofSec, readRelodesc, readRelohdr, readSec, requireBytes } from './structures.ts';

/** Where the document and its object are in the process. */
export interface Addresses {
  /** `dofhp_addr`: what SETX adds. */
  readonly address: bigint;
  /** `dofhp_dof`: DOFREL adds it, and where the word is. */
  readonly documentAddress: bigint;
}

/**
 * Changes the document as the system does.
 * @throws Refused, OutsideDocument
 */
export function relocate(document: Examined, addresses: Addresses): void {
  for (const section of sectionsOf(document)) {
    if (isLoaded(section) && section.type === dof.DOF_SECT_URELHDR) {
      relocateSection(document, section, addresses);
    }
  }
}

function relocateSection(document: Examined, section: DofSec, addresses: Addresses): void {
  const { view, report, system } = document;
  if (section.size < dof.SIZE.relohdr || section.align !== 4) {
    refuse(document, 'relocation-header', `${section.size} bytes, alignment ${section.align}`);
  }
  const { strtab, relsec, tgtsec } = readRelohdr(view, Number(section.offset));
  follow(document, strtab, dof.DOF_SECT_STRTAB);
  const { entsize, align, size, offset: start } = follow(document, relsec, dof.DOF_SECT_RELTAB);
  follow(document, tgtsec, dof.DOF_SECT_NONE);
  if (entsize < dof.SIZE.relodesc || align !== 8) {
    refuse(document, 'relocation-table', `entries of ${entsize} bytes, alignment ${align}`);
  }
  const headerAt = sectionHeaderAt(document, tgtsec);
  for (let i = 0; i < Math.floor(Number(size) / entsize); i++) {
    const { type, offset } = readRelodesc(view, Number(start) + i * entsize);
    if (!system.relocations.includes(type)) {
      refuse(document, 'relocation-type', `entry ${i}: type ${type}`);
    }
    if (type === dof.DOF_RELO_NONE) continue;
    const target = readSec(view, headerAt);
    const at = Number(target.offset + offset);
    const ofHeader = system.guardsHeaders && at >= headerAt && at < headerAt + dof.SIZE.sec;
    if (offset + 8n > target.size || at % 8 !== 0 || ofHeader) {
      const place = `${offset} of ${target.size} bytes at ${target.offset}`;
      refuse(document, 'relocation-target', `entry ${i}: ${place}`);
    }
    const isAddress = target.type === dof.DOF_SECT_PROBES && offset % BigInt(target.entsize || 1) === 0n;
    if (!isAddress) {
      report('relocated-word', 'wrong', `entry ${i}: ${offset} of section ${tgtsec}, of type ${target.type}`);
    }
    const base = type === dof.DOF_RELO_SETX ? addresses.address : addresses.documentAddress + BigInt(at);
    requireBytes(view.bytes, at, 8);
    const word = view.bytes.getBigUint64(at, view.little);
    if (system.leavesRelocated && word > base) continue;
    view.bytes.setBigUint64(at, word + base, view.little);
  }
}

function follow(document: Examined, index: number, type: number): DofSec {
  const found = referred(document, index, type);
  return typeof found === 'string' ? refuse(document, 'relocation-header', found) : found;
}
