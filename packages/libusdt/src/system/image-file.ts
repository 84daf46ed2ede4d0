/**
 * Images that were built ahead of time (`usdt build`), for programs that ship in a read-only artifact. Such a file is
 * loaded only if it is, byte for byte, what this version of the library would have made of the program's own definition:
 * so tracers see what the program means, and no other code than ours gets loaded.
 *
 * What the builder may choose is the tracepoint, since the best one depends on the kernel that the program will run on
 * (each works on every kernel), and whether there is something for DTrace's daemon in the image.
 * @module
 */

import { buildImage, type Image, type ImageDefinition } from '../image/image.ts';
import { tracepointsOf } from '../image/tracepoint.ts';
import { ELFDATA2LSB } from '../object/elf/constants.ts';
import { MACHINES } from '../object/elf/machines.ts';
import { declarationStrings } from '../sdt/declaration.ts';
import type { Arch, Target } from '../target.ts';
import { errorCode, isProblem, type Problem, problemFrom } from './reasons.ts';
import { fs } from './runtime.ts';

export interface ImageFile {
  readonly image: Image;
  /** What tracers will make difficulties with. */
  readonly detail: string | undefined;
}

const E_MACHINE = 18;
/** Far above the image of a provider with ten thousand probes. */
const LARGEST = 256 * 1024 * 1024;
const EXECUTABLE = 0o111;

/**
 * Reads a file and makes sure that it is the image of a definition.
 * @param path absolute.
 * @param target the best one here; a file for another tracepoint is as good.
 */
export function openImageFile(
  path: string,
  definition: ImageDefinition,
  target: Target,
): ImageFile | Problem {
  const file = read(path);
  if (isProblem(file)) return file;
  const { bytes, mode } = file;
  const machine = machineOf(bytes);
  if (machine !== undefined && machine !== MACHINES[target.arch].e_machine) {
    const other = (Object.keys(MACHINES) as Arch[]).find((arch) => MACHINES[arch].e_machine === machine);
    const built = other === undefined ? `e_machine ${machine}` : `linux-${other}`;
    const detail = `${path} was built for ${built}, and this is linux-${target.arch}: build it with --target linux-${target.arch}`;
    return { path, reason: 'image-wrong-architecture', detail };
  }
  const tracepoints = [...new Set([target.tracepoint, ...tracepointsOf(target.arch)])];
  const variants = tracepoints.flatMap((tracepoint) =>
    [false, true].map((dof) => ({ ...target, tracepoint, dof })),
  );
  for (const variant of variants) {
    const image = buildImage(definition, variant);
    if (!bytes.equals(image.bytes)) continue;
    const detail =
      (mode & EXECUTABLE) === 0
        ? `${path} has no execute bit, and bpftrace and bcc pass over such files: chmod 755 ${path}`
        : undefined;
    return { image, detail };
  }
  return { path, reason: 'image-different', detail: `${path} ${difference(bytes, definition)}` };
}

/** Whether a file can be read and has these bytes. */
export function isFileWith(path: string, bytes: Uint8Array): boolean {
  const file = read(path);
  return !isProblem(file) && file.bytes.equals(bytes);
}

function read(path: string): { readonly bytes: Buffer; readonly mode: number } | Problem {
  try {
    const stat = fs.statSync(path);
    if (!stat.isFile() || stat.size > LARGEST)
      return { path, reason: 'image-different', detail: `${path} is not an image: it is no regular file` };
    return { bytes: fs.readFileSync(path), mode: stat.mode };
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') {
      const detail = `there is no image ${path}: build it with usdt build, or correct the option "image"`;
      return { path, reason: 'image-missing', detail };
    }
    if (errorCode(error) === 'EACCES') {
      const detail = `the image ${path} may not be read by this user: chmod go+rx ${path}, and the folders above it`;
      return { path, reason: 'image-missing', detail };
    }
    return problemFrom(error, path, path);
  }
}

/** Undefined for what is no little-endian ELF file. */
function machineOf(bytes: Buffer): number | undefined {
  if (bytes.length < 52 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  return bytes[5] === ELFDATA2LSB ? bytes.readUInt16LE(E_MACHINE) : undefined;
}

/** In words, by the declarations: what of the definition is missing from the file, or else what must be it. */
function difference(bytes: Buffer, { provider, module, probes }: ImageDefinition): string {
  const again = 'build it again with usdt build';
  if (machineOf(bytes) === undefined) return `is not an image: ${again}`;
  const places = probes.map(({ name, function: functionName, types }) =>
    bytes.indexOf(
      declarationStrings({
        provider,
        module,
        function: functionName,
        name,
        types: types.map((type) => type.name),
      }),
    ),
  );
  const missing = probes.filter((_, index) => places[index] === -1);
  if (missing.length > 0) {
    const [first] = missing;
    const signature = `${provider}:${first!.name}(${first!.types.map((type) => type.name).join(', ')})`;
    const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    return `does not have ${signature}${more}: ${again}`;
  }
  if (places.some((place, index) => index > 0 && place < places[index - 1]!))
    return `has the probes in another order: ${again}`;
  return `has other probes besides, or was built by another version of libusdt: ${again}`;
}
