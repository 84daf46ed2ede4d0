/**
 * macOS, illumos and FreeBSD: DTrace is in the kernel, and learns of probes by the DOF document that each image has.
 *
 * An image is published, verified and loaded as on Linux; then its document is handed to the helper device, and taken
 * back by unload(). Two things differ:
 *
 * - Images stay mapped until the process ends. After a document is unregistered a consumer may trace its probes for a
 *   while, and the kernel finds its breakpoints by address. Unmapping would let it hit whatever is mapped there next.
 *   So the cost of a definition that was ever enabled is its image's pages, once: the same definition gets the same
 *   image again.
 * - Documents are registered per process, by address. A worker thread that uses an image which another thread has
 *   registered adds nothing.
 */

import type { Engine } from '../../hosts/host.ts';
import { buildImage } from '../../image/image.ts';
import { type Image, TEXT_SYMBOL } from '../../image/object.ts';
import type { Target, TargetSystem } from '../../model/target.ts';
import { folderCandidates } from '../../publish/folder.ts';
import { openImageFile } from '../../publish/image-file.ts';
import { publishedName } from '../../publish/names.ts';
import { publishFirst } from '../../publish/publish.ts';
import { isProblem, type Problem } from '../../runtime/reasons.ts';
import { type Libc, openLibc } from '../libc.ts';
import { loadProblem, openEngine, processArch } from '../loading.ts';
import { loadedImage } from '../mapped-image.ts';
import type { LoadedImage, System } from '../platform.ts';
import { DARWIN } from './darwin.ts';
import { FREEBSD } from './freebsd.ts';
import { ILLUMOS } from './illumos.ts';
import { createHelperRegistrar, type HelperProtocol, type Registrar } from './registrar.ts';

const PROTOCOLS: Readonly<Record<Exclude<TargetSystem, 'linux'>, HelperProtocol>> = {
  darwin: DARWIN,
  illumos: ILLUMOS,
  freebsd: FREEBSD,
};

/** What the system needs of the process; tests put something else in its place. */
export interface Process {
  readonly engine: Engine;
  readonly libc: Libc;
}

export const openDarwin = (images?: string): System | Problem => open('darwin', images);
export const openIllumos = (images?: string): System | Problem => open('illumos', images);
export const openFreebsd = (images?: string): System | Problem => open('freebsd', images);

function open(os: keyof typeof PROTOCOLS, images: string | undefined): System | Problem {
  const arch = processArch();
  if (typeof arch !== 'string') return arch;
  const engine = openEngine(arch, os === 'darwin' ? 'macho' : 'elf', images);
  if (isProblem(engine)) return engine;
  return createKernelSystem(os, { engine, libc: openLibc(engine) });
}

export function createKernelSystem(os: keyof typeof PROTOCOLS, process: Process): System {
  const { engine, libc } = process;
  const protocol = PROTOCOLS[os];
  const target: Target = { os, arch: engine.arch, tracepoint: 'nop' };
  const registrar = createHelperRegistrar(libc, protocol);
  const map = (path: string): Mapped | Problem => {
    try {
      return { path, handle: libc.dlopen(path) };
    } catch (error) {
      return loadProblem(error, path);
    }
  };
  return {
    load(definition, file) {
      const { module, provider } = definition;
      const register = (mapped: Mapped | Problem, image: Image, detail?: string): LoadedImage | Problem =>
        isProblem(mapped)
          ? mapped
          : loaded(process, registrar, protocol, { mapped, image, provider, module, detail });
      if (file !== undefined) {
        const opened = openImageFile(file, definition, target);
        return isProblem(opened) ? opened : register(map(file), opened.image, opened.detail);
      }
      const image = buildImage(definition, target);
      const name = publishedName(provider, image.buildId);
      const folders = folderCandidates(globalThis.process.env);
      return register(
        publishFirst(folders, name, image.bytes, (published) => map(published.file)),
        image,
      );
    },
  };
}

interface Mapped {
  readonly path: string;
  readonly handle: bigint;
}

interface Loading {
  readonly mapped: Mapped;
  readonly image: Image;
  readonly provider: string;
  readonly module: string;
  readonly detail: string | undefined;
}

function loaded(
  { engine, libc }: Process,
  registrar: Registrar,
  { device }: HelperProtocol,
  { mapped, image, provider, module, detail }: Loading,
): LoadedImage | Problem {
  const { path, handle } = mapped;
  const textAddress = libc.dlsym(handle, TEXT_SYMBOL);
  const { dof } = image;
  const removal = dof
    ? registrar.register({
        provider,
        module,
        base: textAddress + BigInt(dof.base),
        address: textAddress + BigInt(dof.document),
        bytes: dof.bytes,
      })
    : 'the image has no DOF document';
  if (typeof removal === 'string') return { path, reason: 'registration-refused', detail: removal };
  const mapping = { file: path, storage: 'file', textAddress, unmap: undefined } as const;
  return loadedImage(engine, image, mapping, {
    registeredBy: `DTrace (${device})`,
    detail,
    remove: removal,
  });
}
