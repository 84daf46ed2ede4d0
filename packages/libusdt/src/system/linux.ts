/**
 * Linux: a tracer attaches to an inode and an offset in it, and the kernel patches every mapping of that inode, so an
 * image is known to tracers as soon as it is mapped from a file that they can open. Nothing has to be registered; where
 * DTrace's daemon runs, it is told as well (dtrace-linux.ts).
 *
 * The engine goes the same way as the images: built, published, verified, loaded. Where no folder can be used
 * (all read-only, noexec, or not to be trusted), it is loaded from a file that is removed again at once, and images
 * are memory files (memfd), which tracers reach through /proc/PID/fd while the process lives.
 * @module
 */

import { buildEngine } from '../engine/code.ts';
import { type Engine, loadEngine } from '../engine/engine.ts';
import { buildImage, type Image, type ImageDefinition, TEXT_SYMBOL } from '../image/image.ts';
import { tracepointFor } from '../image/tracepoint.ts';
import type { Arch, Target } from '../target.ts';
import { createRegistrar, type DtraceRegistrar, HELPER_DEVICE } from './dtrace-linux.ts';
import { combineProblems, folderCandidates } from './folder.ts';
import { isFileWith, openImageFile } from './image-file.ts';
import { type Libc, openLibc } from './libc.ts';
import { publishedName } from './names.ts';
import { publishFirst } from './publish.ts';
import { errorCode, isDeniedByDeno, isProblem, messageOf, type Problem, problemFrom } from './reasons.ts';
import { fs, join, release, tmpdir } from './runtime.ts';
import type { LoadedImage, System } from './system.ts';

const ARCHES: readonly string[] = ['x64', 'arm64'] satisfies Arch[];

/** @param images see openSystem(). */
export function openLinux(images?: string): System | Problem {
  if (!ARCHES.includes(process.arch)) {
    const detail = `libusdt has no code generator for ${process.arch}: probes stay silent. Run the x64 or arm64 build of the runtime if there is one.`;
    return { path: '', reason: 'architecture-not-supported', detail };
  }
  const arch = process.arch as Arch;
  const target: Target = { os: 'linux', arch, tracepoint: tracepointFor(arch, ask(release, '')) };
  const engine = openEngine(arch, images);
  if (isProblem(engine)) return engine;
  const libc = openLibc(engine);
  const dtrace = createRegistrar(libc);
  return {
    target,
    load(definition, file) {
      const { module, provider } = definition;
      const loader: Loader = { engine, libc, dtrace, module };
      if (file !== undefined) return mapImageFile(loader, file, definition, target);
      if (!dtrace.isPresent()) return publish(loader, buildImage(definition, target), provider);
      const told = publish(loader, buildImage(definition, { ...target, dof: true }), provider);
      if (isProblem(told) || told.isRegistered) return told;
      // dtrace does not look at the notes of an image with DOF: it gets one without.
      told.unload();
      const detail = told.detail;
      return publish({ ...loader, ...(detail && { detail }) }, buildImage(definition, target), provider);
    },
  };
}

function publish(loader: Loader, image: Image, provider: string): LinuxImage | Problem {
  const published = publishFirst(
    folderCandidates(process.env),
    publishedName(provider, image.buildId),
    image.bytes,
    ({ file }) => map(loader, image, file),
  );
  return isProblem(published) ? mapFromMemory(loader, image, provider, published) : published;
}

interface LinuxImage extends LoadedImage {
  /** DTrace's daemon knows it. */
  readonly isRegistered: boolean;
}

/** What mapping an image takes. */
interface Loader {
  readonly engine: Engine;
  readonly libc: Libc;
  readonly dtrace: DtraceRegistrar;
  /** The definition's. */
  readonly module: string;
  /** Why DTrace's daemon was not told. */
  readonly detail?: string;
}

/** What a function of node:os says, unless Deno's permissions forbid it to ask. */
function ask(what: () => string, otherwise: string): string {
  try {
    return what();
  } catch {
    return otherwise;
  }
}

function openEngine(arch: Arch, images: string | undefined): Engine | Problem {
  const { bytes, buildId } = buildEngine(arch);
  const name = publishedName('engine', buildId);
  const attempt = (file: string): Engine | Problem => {
    try {
      return loadEngine(file, arch);
    } catch (error) {
      return loadProblem(error, file);
    }
  };
  if (images !== undefined) {
    // Who ships images wants no cache folder: the engine is beside them, or comes from a file that is gone at once.
    const file = join(images, name);
    const shipped = isFileWith(file, bytes) ? attempt(file) : undefined;
    if (shipped && !isProblem(shipped)) return shipped;
    const temporary = fromTemporaryFile(bytes, attempt);
    if (!isProblem(temporary) || temporary.reason === 'addons-forbidden') return temporary;
  }
  const published = publishFirst(folderCandidates(process.env), name, bytes, ({ file }) => attempt(file));
  if (!isProblem(published) || published.reason === 'addons-forbidden') return published;
  const temporary = fromTemporaryFile(bytes, attempt);
  return isProblem(temporary) ? combineProblems([published, temporary]) : temporary;
}

/** A folder of our own for the moment that loading takes. /dev/shm is a file system of its own, which may be executable where /tmp is not. */
function fromTemporaryFile(bytes: Uint8Array, attempt: (file: string) => Engine | Problem): Engine | Problem {
  const problems: Problem[] = [];
  for (const parent of [ask(tmpdir, '/tmp'), '/dev/shm']) {
    let folder: string | undefined;
    try {
      folder = fs.mkdtempSync(join(parent, 'libusdt-'));
      const file = join(folder, 'engine.so');
      fs.writeFileSync(file, bytes, { mode: 0o700, flag: 'wx' });
      const result = attempt(file);
      if (!isProblem(result)) return result;
      problems.push(result);
    } catch (error) {
      problems.push(problemFrom(error, parent, parent));
    } finally {
      if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
    }
  }
  return combineProblems(problems);
}

function map(loader: Loader, image: Image, file: string): LinuxImage | Problem {
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
): LoadedImage | Problem {
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

function mapFromMemory(
  loader: Loader,
  image: Image,
  provider: string,
  because: Problem,
): LinuxImage | Problem {
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

/** Unmaps what was dropped without disable(). The held value must not lead to the image. */
const dropped = new FinalizationRegistry((unload: () => void) => unload());

function loaded(loader: Loader, image: Image, handle: bigint, place: Place): LinuxImage {
  const { engine, libc } = loader;
  const { file, storage, descriptor } = place;
  let open = true;
  const token = {};
  const unload = (): void => {
    if (!open) return;
    open = false;
    dropped.unregister(token);
    if (isRegistered) removal();
    libc.dlclose(handle);
    if (descriptor !== undefined) libc.close(descriptor);
  };
  const textAddress = libc.dlsym(handle, TEXT_SYMBOL);
  const buffer = image.textSize > 0 ? engine.view(textAddress, image.textSize) : undefined;
  const text = buffer && new Int32Array(buffer);
  const removal = register(loader, image, textAddress, place.isShared);
  const { sites, tracepoint } = image;
  const isRegistered = typeof removal === 'function';
  const details = [place.detail, loader.detail, typeof removal === 'string' ? removal : undefined];
  const result: LinuxImage = {
    sites,
    engine,
    file,
    storage,
    detail: details.filter((detail) => detail !== undefined).join('; ') || undefined,
    textAddress,
    text,
    registeredBy: isRegistered ? `${BY_MAPPING}, and dtprobed (${HELPER_DEVICE})` : BY_MAPPING,
    isRegistered,
    tracepoint,
    unload,
  };
  dropped.register(result, unload, token);
  return result;
}

const BY_MAPPING = 'file mapping (uprobes)';

/** Tells DTrace's daemon of it, if there is one. How to take that back, or why it was not possible. */
function register(
  { dtrace, module }: Loader,
  { dof }: Image,
  textAddress: bigint,
  isShared = false,
): (() => void) | string | undefined {
  if (!dof || !dtrace.isPresent()) return undefined;
  const [base, address] = [textAddress + BigInt(dof.base), textAddress + BigInt(dof.document)];
  return dtrace.register({ module, base, address, bytes: dof.bytes, isShared });
}

/** What process.dlopen or dlopen(3) said, as a problem with a remedy. */
function loadProblem(error: unknown, path: string): Problem {
  const words = messageOf(error);
  const code = errorCode(error);
  if (code === 'ERR_DLOPEN_DISABLED' || (code === 'ERR_ACCESS_DENIED' && /addon/i.test(words))) {
    const detail =
      'Node was told not to load native code: add --allow-addons beside --permission, or drop --no-addons';
    return { path, reason: 'addons-forbidden', detail };
  }
  if (isDeniedByDeno(error)) {
    const detail = 'Deno was not given the permission to load native code: add --allow-ffi';
    return { path, reason: 'addons-forbidden', detail };
  }
  // glibc: "failed to map segment from shared object: Operation not permitted"; musl: "Error mapping file: ..."
  if (/failed to map segment|mapping file.*: (Operation not permitted|Permission denied)/i.test(words)) {
    const detail = `${path} may not be mapped as code, so its file system is mounted noexec (or a security module forbids it): set LIBUSDT_DIR to a folder on another file system`;
    return { path, reason: 'folder-not-executable', detail };
  }
  return { path, reason: 'load-failed', detail: `the dynamic loader refused ${path}: ${words}` };
}
