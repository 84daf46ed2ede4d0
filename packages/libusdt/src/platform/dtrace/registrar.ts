/**
 * Handing DOF documents to DTrace's helper device and taking them back: what is the same on every system. What is not
 * (device, requests, structures, where the generation comes back) is in {linux,darwin,illumos,freebsd}.ts.
 */

import { decodeDof } from '../../dof/decode.ts';
import type { DofSystemName } from '../../dof/systems.ts';
import { validateDof } from '../../dof/validate.ts';
import { errorCode, messageOf } from '../../runtime/reasons.ts';
import type { Libc } from '../libc.ts';
import type { DofHelper } from './helper.ts';

/** The operating system, as far as registration needs it. */
export type HelperSystem = Pick<Libc, 'close' | 'exists' | 'ioctl' | 'isMainThread' | 'open'>;

/** How a system's helper device is spoken to. */
export interface HelperProtocol {
  /** Whose rules a document must obey. */
  readonly name: DofSystemName;
  readonly device: string;
  /** Who takes the document, for people. */
  readonly taker: string;
  /**
   * Hands a document over.
   * @returns the generation, by which it is unregistered.
   * @throws Error with the errno's name as its code.
   */
  add(system: HelperSystem, descriptor: number, helper: DofHelper): number;
  remove(system: HelperSystem, descriptor: number, generation: number): void;
  /**
   * Why a document was refused, and what to do, by the errno's name. `%` stands for that name; `other` is for all that
   * are not in the list, and for errors that have none.
   */
  readonly refusals: Readonly<Record<string, string>> & { readonly other: string };
}

/** A document that is mapped. */
export interface MappedDof {
  /** The definition's. */
  readonly provider: string;
  readonly module: string;
  /** Address of the object that it is in, which its own addresses count from. */
  readonly base: bigint;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** Makes documents known, for one thread. */
export interface Registrar {
  /** True where there is a device to register with. */
  isPresent(): boolean;
  /** How to take it back, or in words why it could not be registered. */
  register(dof: MappedDof): (() => void) | string;
}

interface Registered {
  readonly dof: MappedDof;
  generation: number;
  count: number;
  /** Its probes' names, once somebody asked: a provider may have very many documents, and be disabled. */
  names?: ReadonlySet<string>;
}

export function createHelperRegistrar(system: HelperSystem, protocol: HelperProtocol): Registrar {
  const { device, taker, name } = protocol;
  /** By address: two providers of the same definition share one mapping, and no kernel takes a document twice. */
  const registered = new Map<bigint, Registered>();

  /** @throws what the system answers. */
  const hand = ({ module, base, address }: MappedDof): number =>
    withDevice(system, device, (descriptor) =>
      protocol.add(system, descriptor, { mod: module, addr: base, dof: address }),
    );

  const takeBack = (entry: Registered): void => {
    registered.delete(entry.dof.address);
    try {
      withDevice(system, device, (descriptor) => protocol.remove(system, descriptor, entry.generation));
    } catch {
      // Who took it has gone, and the probes with it; or will find the mapping gone.
    }
  };

  const remove = (address: bigint): void => {
    const entry = registered.get(address);
    if (entry === undefined || --entry.count > 0) return;
    takeBack(entry);
    for (const other of [...registered.values()].filter((other) => isHidden(other, entry))) {
      takeBack(other);
      try {
        other.generation = hand(other.dof);
        registered.set(other.dof.address, other);
      } catch {
        // Who takes documents has gone meanwhile.
      }
    }
  };

  const add = (dof: MappedDof): string | undefined => {
    const known = registered.get(dof.address);
    if (known) {
      known.count++;
      return undefined;
    }
    try {
      registered.set(dof.address, { dof, generation: hand(dof), count: 1 });
      return undefined;
    } catch (error) {
      return refusal(protocol, error);
    }
  };

  return {
    isPresent: () => system.exists(device),
    register(dof) {
      const { bytes, module, base, address } = dof;
      const [finding] = validateDof(bytes, name, { module, address: base, documentAddress: address });
      if (finding) return `${taker} would not take the probes (${finding.rule}): ${finding.detail}`;
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

/**
 * Is a probe of this document one of the other, too? Kernels do not make it a second time, and dtprobed forgets it with
 * the first: when that goes, this has to be handed over again.
 */
function isHidden(entry: Registered, by: Registered): boolean {
  if (entry.dof.provider !== by.dof.provider || entry.dof.module !== by.dof.module) return false;
  const [few, many] = [namesOf(entry), namesOf(by)].sort((a, b) => a.size - b.size);
  for (const name of few!) if (many!.has(name)) return true;
  return false;
}

function namesOf(entry: Registered): ReadonlySet<string> {
  entry.names ??= new Set(
    decodeDof(entry.dof.bytes).providers.flatMap(({ probes }) =>
      probes.map((probe) => `${probe.function}:${probe.name}`),
    ),
  );
  return entry.names;
}

function refusal({ refusals }: HelperProtocol, error: unknown): string {
  const code = errorCode(error);
  const sentence = refusals[code] ?? refusals.other;
  return sentence.replace('%', () => code || messageOf(error));
}

function withDevice<T>(system: HelperSystem, path: string, use: (descriptor: number) => T): T {
  const descriptor = system.open(path);
  try {
    return use(descriptor);
  } finally {
    system.close(descriptor);
  }
}
