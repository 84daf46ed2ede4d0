/**
 * FreeBSD's helper device (since 11): a `dof_helper_t` with two more fields, the process and, written by the kernel, the
 * generation; the ioctl itself returns 0. REMOVE takes the generation by address.
 * https://github.com/freebsd/freebsd-src/blob/main/sys/cddl/dev/dtrace/dtrace_ioctl.c
 */

import { HOST_IS_LITTLE } from '../../abi/byte-order.ts';
import { encodeDofHelper } from './helper.ts';
import type { HelperProtocol } from './registrar.ts';

// sys/cddl/contrib/opensolaris/uts/common/sys/dtrace.h: _IOWR('z', 3, dof_helper_t) and _IOW('z', 2, int).
export const DTRACEHIOC_ADDDOF = 0xc0587a03;
export const DTRACEHIOC_REMOVE = 0x80047a02;
const DEVICE = '/dev/dtrace/helper';
/** Behind what all systems have. */
const DOFHP_PID = 80;
const DOFHP_GEN = 84;
const DOF_HELPER_SIZE = 88;

const NO_DEVICE = `there is no ${DEVICE} (%): kldload dtraceall`;
const NOT_OPENED = `${DEVICE} may not be opened (%): it is root's (0660). Run as root, or give a group access in /etc/devfs.rules`;

export const FREEBSD: HelperProtocol = {
  name: 'freebsd',
  device: DEVICE,
  taker: 'the kernel',
  add(system, descriptor, helper) {
    const bytes = new Uint8Array(DOF_HELPER_SIZE);
    bytes.set(encodeDofHelper(helper));
    const view = new DataView(bytes.buffer);
    view.setInt32(DOFHP_PID, process.pid, HOST_IS_LITTLE);
    system.ioctl(descriptor, DTRACEHIOC_ADDDOF, bytes);
    return view.getInt32(DOFHP_GEN, HOST_IS_LITTLE);
  },
  remove(system, descriptor, generation) {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, generation, HOST_IS_LITTLE);
    system.ioctl(descriptor, DTRACEHIOC_REMOVE, bytes);
  },
  refusals: {
    ENOENT: NO_DEVICE,
    ENXIO: NO_DEVICE,
    EACCES: NOT_OPENED,
    EPERM: NOT_OPENED,
    other: 'the kernel refused the probes (%): dmesg may say why',
  },
};
