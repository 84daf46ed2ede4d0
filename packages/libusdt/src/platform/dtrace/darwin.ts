/**
 * macOS' helper device. Its ioctl takes the address of a word with the address of a `dof_ioctl_data_t`: a count, and so
 * many `dof_helper_t`, which it copies back with the generation in place of each document's address.
 *
 * - Unless a consumer of DTrace has looked at the process before, the kernel only notes where the document lies, and
 *   reads it later (`kern.dtrace.dof_mode`, "lazy"): it must stay mapped and unchanged, nothing is checked now, and
 *   `dofhp_addr` must be the document's own address.
 * - The document's offsets count from `dofhp_addr`; there are no relocations.
 * https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/dtrace.c (dtrace_ioctl_helper)
 */

import { HOST_IS_LITTLE } from '../../abi/byte-order.ts';
import { encodeDofHelper } from './helper.ts';
import type { HelperProtocol } from './registrar.ts';

// bsd/sys/dtrace.h: _IOW('h', 4, user_addr_t) and _IO('h', 2).
export const DTRACEHIOC_ADDDOF = 0x80086804;
export const DTRACEHIOC_REMOVE = 0x20006802;
/** dof_ioctl_data_t: the count, in front of the helpers. */
const DOFIOD_HELPERS = 8;
const DOFHP_DOF = 72;
const DEVICE = '/dev/dtracehelper';

const REFUSED = `${DEVICE} refuses this process (%): System Integrity Protection restricts it. Run a copy of the runtime that is not restricted`;
const NO_DEVICE = `there is no ${DEVICE} (%): this kernel has no DTrace, or this sandbox hides it`;

export const DARWIN: HelperProtocol = {
  name: 'darwin',
  device: DEVICE,
  taker: 'the kernel',
  add(system, descriptor, { mod, dof }) {
    const helper = encodeDofHelper({ mod, addr: dof, dof });
    const bytes = new Uint8Array(DOFIOD_HELPERS + helper.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, 1n, HOST_IS_LITTLE);
    bytes.set(helper, DOFIOD_HELPERS);
    system.ioctl(descriptor, DTRACEHIOC_ADDDOF, { pointerTo: bytes });
    // An int in a word that held an address.
    return view.getInt32(DOFIOD_HELPERS + DOFHP_DOF, HOST_IS_LITTLE);
  },
  remove: (system, descriptor, generation) => void system.ioctl(descriptor, DTRACEHIOC_REMOVE, generation),
  refusals: {
    EACCES: REFUSED,
    EPERM: REFUSED,
    ENOENT: NO_DEVICE,
    ENXIO: NO_DEVICE,
    other: 'the kernel refused the probes (%); more than it takes at once (kern.dtrace.dof_maxsize)?',
  },
};
