/**
 * What DTrace's helper device is handed: a structure that says where a DOF document lies in the memory of the caller.
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/sys/dtrace.h (dof_helper_t)
 */

import { HOST_IS_LITTLE } from '../../abi/byte-order.ts';
import { DTRACE_MODNAMELEN } from '../../dof/constants.ts';
import { writeCString } from '../../object/bytes.ts';

/** dof_helper_t */
export interface DofHelper {
  /** The module that the probes are shown with. At most 63 bytes. */
  readonly mod: string;
  /** What is added to the addresses in the document, where it asks for that. */
  readonly addr: bigint;
  /** Address of the document. */
  readonly dof: bigint;
}

const DOFHP_ADDR = DTRACE_MODNAMELEN;
const DOFHP_DOF = DOFHP_ADDR + 8;
const DOF_HELPER_SIZE = DOFHP_DOF + 8;

/** In the byte order of the machine. @throws RangeError for a longer module. */
export function encodeDofHelper({ mod, addr, dof }: DofHelper): Uint8Array {
  const bytes = new Uint8Array(DOF_HELPER_SIZE);
  writeCString(bytes.subarray(0, DTRACE_MODNAMELEN), 0, mod);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(DOFHP_ADDR, addr, HOST_IS_LITTLE);
  view.setBigUint64(DOFHP_DOF, dof, HOST_IS_LITTLE);
  return bytes;
}
