/**
 * illumos' helper device: a `dof_helper_t` by address; the ioctl returns the generation.
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/dtrace/dtrace.c (dtrace_ioctl_helper)
 */

import { encodeDofHelper } from './helper.ts';
import type { HelperProtocol } from './registrar.ts';

// usr/src/uts/common/sys/dtrace.h: ('d' << 24 | 't' << 16 | 'h' << 8) | 3 and | 2.
export const DTRACEHIOC_ADDDOF = 0x64746803;
export const DTRACEHIOC_REMOVE = 0x64746802;
const DEVICE = '/dev/dtrace/helper';

const NO_DEVICE = `there is no ${DEVICE} (%): give the zone the device (zonecfg: limitpriv dtrace_proc,dtrace_user)`;
const NOT_OPENED = `${DEVICE} may not be opened (%): correct its permissions`;

export const ILLUMOS: HelperProtocol = {
  name: 'illumos',
  device: DEVICE,
  taker: 'the kernel',
  add: (system, descriptor, helper) => system.ioctl(descriptor, DTRACEHIOC_ADDDOF, encodeDofHelper(helper)),
  remove: (system, descriptor, generation) => void system.ioctl(descriptor, DTRACEHIOC_REMOVE, generation),
  refusals: {
    ENOENT: NO_DEVICE,
    ENXIO: NO_DEVICE,
    EACCES: NOT_OPENED,
    EPERM: NOT_OPENED,
    other: 'the kernel refused the probes (%): dmesg may say why',
  },
};
