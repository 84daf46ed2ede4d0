/**
 * DTrace on Linux: its daemon, dtprobed, is behind a device that takes DOF. Without it `dtrace` finds the probes of one
 * process at a time, by their SDT notes (`-p`, or the process id in the provider's name); with it all processes'
 * (`webapp*:::`), those included that start while it runs, and it knows the types of arguments, functions and modules.
 *
 * What it is told of is no longer looked for in the notes (object/elf/shared-object.ts says how), or dtrace would show it
 * twice. So an image has a document only where it is registered.
 *
 * What dtprobed wants, besides a document that breaks none of the rules in dof/:
 * - The document lies in a mapping of a file, and so do the tracepoints, which are uprobes in that file.
 * - One document per file and process; a second is refused until the first is removed.
 * - It takes the thread that calls for the process, so only the main thread may.
 * https://github.com/oracle/dtrace-utils/blob/devel/dtprobed/dtprobed.c
 * @module
 */

import { validateDof } from '../dof/validate.ts';
import { encodeDofHelper } from './dtrace-helper.ts';
import type { Libc } from './libc.ts';
import { errorCode, messageOf } from './reasons.ts';

export const HELPER_DEVICE = '/dev/dtrace/helper';

// DTRACEHIOC_ADDDOF and DTRACEHIOC_REMOVE: _IOW(0xd8, 3, dof_helper_t) and _IOW(0xd8, 2, int).
// https://github.com/oracle/dtrace-utils/blob/devel/include/dtrace/ioctl.h
export const DTRACEHIOC_ADDDOF = 0x4050d803;
export const DTRACEHIOC_REMOVE = 0x4004d802;

/** The operating system, as far as registration needs it. */
export type HelperSystem = Pick<Libc, 'close' | 'exists' | 'ioctl' | 'isMainThread' | 'open'>;

/** A document that is mapped. */
export interface MappedDof {
  readonly module: string;
  /** Address of the object that it is in, which its own addresses count from. */
  readonly base: bigint;
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Its image was in this process before: the main thread has it too, and has registered it. */
  readonly isShared: boolean;
}

/** Makes documents known to dtprobed, for one thread. */
export interface DtraceRegistrar {
  /** True where there is a device to register with. */
  isPresent(): boolean;
  /** How to take it back, or in words why it could not be registered. */
  register(dof: MappedDof): (() => void) | string;
}

interface Registered {
  readonly generation: number;
  count: number;
}

export function createRegistrar(system: HelperSystem): DtraceRegistrar {
  /** By address: two providers of the same definition share one mapping. */
  const registered = new Map<bigint, Registered>();

  const remove = (address: bigint): void => {
    const entry = registered.get(address);
    if (entry === undefined || --entry.count > 0) return;
    registered.delete(address);
    try {
      withDevice(system, (device) => system.ioctl(device, DTRACEHIOC_REMOVE, entry.generation));
    } catch {
      // The daemon has gone, and its probes with it; or it will find the mapping gone.
    }
  };

  const add = ({ module, base, address }: MappedDof): string | undefined => {
    const known = registered.get(address);
    if (known) {
      known.count++;
      return undefined;
    }
    const argument = encodeDofHelper({ mod: module, addr: base, dof: address });
    try {
      const generation = withDevice(system, (device) => system.ioctl(device, DTRACEHIOC_ADDDOF, argument));
      registered.set(address, { generation, count: 1 });
      return undefined;
    } catch (error) {
      return refusal(error);
    }
  };

  return {
    isPresent: () => system.exists(HELPER_DEVICE),
    register(dof) {
      if (!system.isMainThread()) {
        if (dof.isShared) return () => undefined;
        return 'dtprobed takes threads for processes, so dtrace finds the probes of this worker thread only by the id of the process: enable the provider on the main thread first';
      }
      const [finding] = validateDof(dof.bytes, 'linux', { module: dof.module });
      if (finding) return `dtprobed would not take the probes (${finding.rule}): ${finding.detail}`;
      const problem = add(dof);
      if (problem !== undefined) return problem;
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        remove(dof.address);
      };
    },
  };
}

function withDevice<T>(system: HelperSystem, use: (descriptor: number) => T): T {
  const descriptor = system.open(HELPER_DEVICE);
  try {
    return use(descriptor);
  } finally {
    system.close(descriptor);
  }
}

function refusal(error: unknown): string {
  const code = errorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return `${HELPER_DEVICE} may not be opened by this user, so dtrace finds the probes of one process at a time only: the package of dtrace has a udev rule for it (mode 0666)`;
  }
  if (code === 'ENOENT' || code === 'ENXIO' || code === 'ENODEV' || code === 'ENOTCONN') {
    return `${HELPER_DEVICE} is there, but its daemon does not answer (${code}): start dtprobed again`;
  }
  return `dtprobed refused the probes (${code ?? messageOf(error)}): its log says why`;
}
