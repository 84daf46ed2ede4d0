/**
 * illumos' helper device: a `dof_helper_t` by address; the ioctl returns the generation.
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/dtrace/dtrace.c (dtrace_ioctl_helper)
 * @module
 */

import { errorCode, messageOf } from '../../runtime/reasons.ts';
import { encodeDofHelper } from './helper.ts';
import type { HelperProtocol } from './registrar.ts';

// usr/src/uts/common/sys/dtrace.h: ('d' << 24 | 't' << 16 | 'h' << 8) | 3 and | 2.
export const DTRACEHIOC_ADDDOF = 0x64746803;
export const DTRACEHIOC_REMOVE = 0x64746802;
const DEVICE = '/dev/dtrace/helper';

export const ILLUMOS: HelperProtocol = {
  name: 'illumos',
  device: DEVICE,
  taker: 'the kernel',
  add: (system, descriptor, helper) => system.ioctl(descriptor, DTRACEHIOC_ADDDOF, encodeDofHelper(helper)),
  remove: (system, descriptor, generation) => void system.ioctl(descriptor, DTRACEHIOC_REMOVE, generation),
  refusal(error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENXIO')
      return `there is no ${DEVICE} (${code}): give the zone the device (zonecfg: limitpriv dtrace_proc,dtrace_user)`;
    if (code === 'EACCES' || code === 'EPERM')
      return `${DEVICE} may not be opened (${code}): correct its permissions`;
    return `the kernel refused the probes (${code || messageOf(error)}): dmesg may say why`;
  },
};
