/**
 * Loading what the library has generated: the engine, which goes the same way as the images (built, published,
 * verified, loaded), and what a dynamic loader says when it refuses.
 */

import { archNamed, PROCESSORS } from '../arch/index.ts';
import type { Engine } from '../hosts/host.ts';
import { buildEngine, type ObjectFormat } from '../hosts/napi/code.ts';
import { loadEngine } from '../hosts/napi/engine.ts';
import type { Arch } from '../model/target.ts';
import { combineProblems, folderCandidates } from '../publish/folder.ts';
import { publishedName } from '../publish/names.ts';
import { publishFirst } from '../publish/publish.ts';
import { isFileWith } from '../publish/rare.ts';
import {
  errorCode,
  isDeniedByDeno,
  isProblem,
  messageOf,
  type Problem,
  problemFrom,
} from '../runtime/reasons.ts';
import { fs, join, tmpdir } from '../runtime/runtime.ts';

/** The architecture of this process, if there is a code generator for it. */
export function processArch(): Arch | Problem {
  const arch = archNamed(process.arch);
  if (arch !== undefined) return arch;
  const builds = Object.values(PROCESSORS).flatMap(({ runtimeNames }) => runtimeNames);
  const named = `${builds.slice(0, -1).join(', ')} or ${builds.at(-1)}`;
  const detail = `libusdt has no code generator for ${process.arch}: probes stay silent. Run the ${named} build of the runtime if there is one.`;
  return { path: '', reason: 'architecture-not-supported', detail };
}

/** The result of `what()`, a function of node:os, or `otherwise` if Deno's permissions deny it. */
export function ask(what: () => string, otherwise: string): string {
  try {
    return what();
  } catch {
    return otherwise;
  }
}

/**
 * Where no folder can be used it is loaded from a file that is removed again at once.
 * @param images a folder with images that were built ahead of time, where the engine may be too.
 */
export function openEngine(arch: Arch, format: ObjectFormat, images: string | undefined): Engine | Problem {
  const { bytes, buildId } = buildEngine(arch, format);
  const name = publishedName('engine', buildId);
  const attempt = (file: string): Engine | Problem => attemptEngine(file, arch);
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

/** For programs that publish nothing: it comes from a file that is gone at once, and leaves none in a cache folder. */
export function openPassingEngine(arch: Arch, format: ObjectFormat): Engine | Problem {
  return fromTemporaryFile(buildEngine(arch, format).bytes, (file) => attemptEngine(file, arch));
}

function attemptEngine(file: string, arch: Arch): Engine | Problem {
  try {
    return loadEngine(file, arch);
  } catch (error) {
    return loadProblem(error, file);
  }
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
      if (!isProblem(result) || result.reason === 'addons-forbidden') return result;
      problems.push(result);
    } catch (error) {
      problems.push(problemFrom(error, parent, parent));
    } finally {
      if (folder !== undefined) fs.rmSync(folder, { recursive: true, force: true });
    }
  }
  return combineProblems(problems);
}

/** What process.dlopen or dlopen(3) said, as a problem with a remedy. */
export function loadProblem(error: unknown, path: string): Problem {
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
