/**
 * DTrace on Linux: its daemon, dtprobed, is behind a device that takes DOF. Without it `dtrace` finds the probes of one
 * process at a time, by their SDT notes (`-p`, or the process id in the provider's name); with it all processes'
 * (`webapp*:::`), those included that start while it runs, and it knows the types of arguments, functions and modules.
 *
 * What it is told of is no longer looked for in the notes (image/elf.ts says how), or dtrace would show it
 * twice. So an image has a document only where it is registered.
 *
 * What dtprobed wants, besides a document that breaks none of the rules in dof/:
 * - The document lies in a mapping of a file, and so do the tracepoints, which are uprobes in that file.
 * - One document per file and process; a second is refused until the first is removed.
 * - It takes the thread that calls for the process, so only the main thread may.
 * https://github.com/oracle/dtrace-utils/blob/devel/dtprobed/dtprobed.c
 */

import { HELPER_DEVICE } from './device.ts';
import { encodeDofHelper } from './helper.ts';
import {
  createHelperRegistrar,
  type HelperProtocol,
  type HelperSystem,
  type MappedDof,
} from './registrar.ts';

// DTRACEHIOC_ADDDOF and DTRACEHIOC_REMOVE: _IOW(0xd8, 3, dof_helper_t) and _IOW(0xd8, 2, int).
// https://github.com/oracle/dtrace-utils/blob/devel/include/dtrace/ioctl.h
export const DTRACEHIOC_ADDDOF = 0x4050d803;
export const DTRACEHIOC_REMOVE = 0x4004d802;

/** A document that is mapped on Linux. */
export interface LinuxDof extends MappedDof {
  /** Its image was in this process before: the main thread has it too, and has registered it. */
  readonly isShared: boolean;
}

/** Makes documents known to dtprobed, for one thread. */
export interface DtraceRegistrar {
  /** True where there is a device to register with. */
  isPresent(): boolean;
  /** How to take it back, or in words why it could not be registered. */
  register(dof: LinuxDof): (() => void) | string;
}

const NOT_OPENED = `${HELPER_DEVICE} may not be opened by this user, so dtrace finds the probes of one process at a time only: the package of dtrace has a udev rule for it (mode 0666)`;
const NO_ANSWER = `${HELPER_DEVICE} is there, but its daemon does not answer (%): start dtprobed again`;

const PROTOCOL: HelperProtocol = {
  name: 'linux',
  device: HELPER_DEVICE,
  taker: 'dtprobed',
  add: (system, descriptor, helper) => system.ioctl(descriptor, DTRACEHIOC_ADDDOF, encodeDofHelper(helper)),
  remove: (system, descriptor, generation) => void system.ioctl(descriptor, DTRACEHIOC_REMOVE, generation),
  refusals: {
    EACCES: NOT_OPENED,
    EPERM: NOT_OPENED,
    ENOENT: NO_ANSWER,
    ENXIO: NO_ANSWER,
    ENODEV: NO_ANSWER,
    ENOTCONN: NO_ANSWER,
    other: 'dtprobed refused the probes (%): its log says why',
  },
};

export function createRegistrar(system: HelperSystem): DtraceRegistrar {
  const registrar = createHelperRegistrar(system, PROTOCOL);
  return {
    isPresent: registrar.isPresent,
    register(dof) {
      if (system.isMainThread()) return registrar.register(dof);
      if (dof.isShared) return () => undefined;
      return 'dtprobed takes threads for processes, so dtrace finds the probes of this worker thread only by the id of the process: enable the provider on the main thread first';
    },
  };
}
