/**
 * The rules for enablings: programs that are to run in a process, as those that name the frames of a stack. The sections
 * around a program are validated, the program itself is not.
 */

import * as dof from './constants.ts';
import { type Examined, isLoaded, referred, refuse } from './examined.ts';
import { type DofSec, readEcbdesc, readProbedesc } from './structures.ts';

/**
 * dtrace_dof_ecbdesc, dtrace_dof_probedesc.
 * @throws Refused, OutsideDocument
 */
export function checkEnabling(document: Examined, section: DofSec): void {
  const { view } = document;
  const { size, align } = section;
  if (!isLoaded(section)) refuse(document, 'enabling', 'it is not loaded');
  if (size < dof.SIZE.ecbdesc || align !== 8) {
    refuse(document, 'enabling', `${size} bytes, alignment ${align}`);
  }
  const { probes, pred, actions } = readEcbdesc(view, Number(section.offset));
  checkProbes(document, follow(document, probes, dof.DOF_SECT_PROBEDESC));
  if (pred !== dof.DOF_SECIDX_NONE) follow(document, pred, dof.DOF_SECT_DIFOHDR);
  if (actions !== dof.DOF_SECIDX_NONE) follow(document, actions, dof.DOF_SECT_ACTDESC);
}

function checkProbes(document: Examined, { offset, align }: DofSec): void {
  const { view } = document;
  if (align !== 4 || offset + BigInt(dof.SIZE.probedesc) > view.bytes.byteLength) {
    refuse(document, 'enabling', `a probe description at ${offset}, alignment ${align}`);
  }
  const { strtab, ...names } = readProbedesc(view, Number(offset));
  const { size } = follow(document, strtab, dof.DOF_SECT_STRTAB);
  for (const [what, at] of Object.entries(names)) {
    if (at >= size) refuse(document, 'enabling', `the ${what} of its probe is at ${at} of ${size}`);
  }
}

function follow(document: Examined, index: number, type: number): DofSec {
  const found = referred(document, index, type);
  return typeof found === 'string' ? refuse(document, 'enabling', found) : found;
}
