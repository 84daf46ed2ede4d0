/**
 * Linux: a tracer attaches to an inode and an offset in it, and the kernel patches every mapping of that inode, so an
 * image is known to tracers as soon as it is mapped from a file that they can open. Nothing has to be registered; where
 * DTrace's daemon runs, it is told as well (dtrace/linux.ts).
 *
 * Where no folder can be used (all read-only, noexec, or not to be trusted), images are memory files (memfd), which
 * tracers reach through /proc/PID/fd while the process lives.
 */

import { hasNarrowWords } from '../arch/passing.ts';
import type { Engine } from '../hosts/host.ts';
import type { ImageDefinition } from '../image/definition.ts';
import { buildImage } from '../image/image.ts';
import { type Image, TEXT_SYMBOL } from '../image/object.ts';
import { tracepointFor } from '../image/tracepoint.ts';
import type { Target } from '../model/target.ts';
import { combineProblems, folderCandidates } from '../publish/folder.ts';
import { publishedName } from '../publish/names.ts';
import { publishFirst } from '../publish/publish.ts';
import { openImageFile } from '../publish/rare.ts';
import { isProblem, type Problem } from '../runtime/reasons.ts';
import { release } from '../runtime/runtime.ts';
import { HELPER_DEVICE } from './dtrace/device.ts';
import type { DtraceRegistrar } from './dtrace/linux.ts';
import { type Libc, openLibc } from './libc.ts';
import { ask, loadProblem, openEngine, processArch } from './loading.ts';
import { loadedImage } from './mapped-image.ts';
import { withMappedMemory } from './mapped-memory.ts';
import type { LoadedImage, System } from './platform.ts';
import { createRegistrar } from './rare.ts';

/** @param images see openSystem(). */
export function openLinux(images?: string): System | Problem {
  const arch = processArch();
  if (typeof arch !== 'string') return arch;
  const target: Target = { os: 'linux', arch, tracepoint: tracepointFor(arch, ask(release, '')) };
  const engine = openEngine(arch, 'elf', images);
  if (isProblem(engine)) return engine;
  const libc = openLibc(engine);
  let registrar: DtraceRegistrar | undefined;
  const dtrace = (): DtraceRegistrar => (registrar ??= createRegistrar(libc));
  // From DOF, dtrace takes arguments out of the registers of a 64-bit process; of an SDT note it reads the operands.
  // https://github.com/oracle/dtrace-utils/blob/devel/libdtrace/dt_prov_uprobe.c (trampoline)
  const isToldDtrace = (): boolean => !hasNarrowWords(arch) && libc.exists(HELPER_DEVICE);
  return {
    load(definition, file) {
      const { module, provider } = definition;
      const loader: Loader = { engine, libc, dtrace, provider, module };
      if (file !== undefined) return imageOf(mapImageFile(loader, file, definition, target));
      if (!isToldDtrace()) return imageOf(publish(loader, definition, target));
      const told = publish(loader, definition, { ...target, dof: true });
      if (isProblem(told) || told.isRegistered) return imageOf(told);
      // dtrace does not look at the notes of an image with DOF: it gets one without.
      told.image.unload();
      const { detail } = told.image;
      return imageOf(publish({ ...loader, ...(detail && { detail }) }, definition, target));
    },
  };
}

function publish(loader: Loader, definition: ImageDefinition, target: Target): Told | Problem {
  const { provider } = definition;
  return withMappedMemory(loader.engine, (allocate) => {
    const image = buildImage(definition, target, allocate);
    const published = publishFirst(
      folderCandidates(process.env),
      publishedName(provider, image.buildId),
      image.bytes,
      ({ file }) => map(loader, image, file),
    );
    return isProblem(published) ? mapFromMemory(loader, image, provider, published) : published;
  });
}

interface Told {
  readonly image: LoadedImage;
  /** DTrace's daemon knows it. */
  readonly isRegistered: boolean;
}

function imageOf(told: Told | Problem): LoadedImage | Problem {
  return isProblem(told) ? told : told.image;
}

/** What mapping an image takes. */
interface Loader {
  readonly engine: Engine;
  readonly libc: Libc;
  readonly dtrace: () => DtraceRegistrar;
  /** The definition's. */
  readonly provider: string;
  readonly module: string;
  /** Why DTrace's daemon was not told. */
  readonly detail?: string;
}

function map(loader: Loader, image: Image, file: string): Told | Problem {
  try {
    const isShared = image.dof !== undefined && loader.libc.isLoaded(file);
    return loaded(loader, image, loader.libc.dlopen(file), { file, storage: 'file', isShared });
  } catch (error) {
    return loadProblem(error, file);
  }
}

/** An image that was built ahead of time, from where it is. */
function mapImageFile(
  loader: Loader,
  file: string,
  definition: ImageDefinition,
  target: Target,
): Told | Problem {
  const opened = openImageFile(file, definition, target);
  if (isProblem(opened)) return opened;
  const { image, detail } = opened;
  try {
    const place = { file, storage: 'file', ...(detail !== undefined && { detail }) } as const;
    return loaded(loader, image, loader.libc.dlopen(file), place);
  } catch (error) {
    const problem = loadProblem(error, file);
    if (problem.reason !== 'folder-not-executable') return problem;
    const why = `${file} may not be mapped as code, so its file system is mounted noexec (or a security module forbids it): keep it on another one`;
    return { ...problem, detail: why };
  }
}

function mapFromMemory(loader: Loader, image: Image, provider: string, because: Problem): Told | Problem {
  const { libc } = loader;
  let descriptor: number | undefined;
  try {
    descriptor = libc.memoryFile(`libusdt-${provider}`, image.bytes);
    const file = `/proc/${process.pid}/fd/${descriptor}`;
    const handle = libc.dlopen(file);
    const detail = `in memory, since no folder could be used: tracers reach it while this process lives, one process at a time (${because.detail})`;
    return loaded(loader, image, handle, { file, storage: 'memory', detail, descriptor });
  } catch (error) {
    if (descriptor !== undefined) libc.close(descriptor);
    return combineProblems([because, loadProblem(error, 'a memory file')]);
  }
}

interface Place {
  readonly file: string;
  readonly storage: LoadedImage['storage'];
  readonly detail?: string;
  readonly descriptor?: number;
  /** It was in the process already. */
  readonly isShared?: boolean;
}

const BY_MAPPING = 'file mapping (uprobes)';

function loaded(loader: Loader, image: Image, handle: bigint, place: Place): Told {
  const { engine, libc } = loader;
  const { file, storage, descriptor } = place;
  const textAddress = libc.dlsym(handle, TEXT_SYMBOL);
  const unmap = (): void => {
    libc.dlclose(handle);
    if (descriptor !== undefined) libc.close(descriptor);
  };
  const removal = register(loader, image, textAddress, place.isShared);
  const isRegistered = typeof removal === 'function';
  const details = [place.detail, loader.detail, isRegistered ? undefined : removal];
  const registration = {
    registeredBy: isRegistered ? `${BY_MAPPING}, and dtprobed (${HELPER_DEVICE})` : BY_MAPPING,
    detail: details.filter((detail) => detail !== undefined).join('; ') || undefined,
    remove: isRegistered ? removal : undefined,
  };
  const mapping = { file, storage, textAddress, unmap };
  return { image: loadedImage(engine, image, mapping, registration), isRegistered };
}

/** Tells DTrace's daemon of it, if there is one. How to take that back, or why it was not possible. */
function register(
  { dtrace, provider, module }: Loader,
  { dof }: Image,
  textAddress: bigint,
  isShared = false,
): (() => void) | string | undefined {
  if (!dof || !dtrace().isPresent()) return undefined;
  const [base, address] = [textAddress + BigInt(dof.base), textAddress + BigInt(dof.document)];
  return dtrace().register({ provider, module, base, address, bytes: dof.bytes, isShared });
}
