/**
 * Images that were built ahead of time (`usdt build`), for programs that ship in a read-only artifact. Such a file is
 * loaded only if it is, byte for byte, what this version of the library would have made of the program's own definition:
 * so tracers see what the program means, and no other code than ours gets loaded.
 *
 * The builder chooses the tracepoint, since the best one depends on the kernel that the program will run on (each works
 * on every kernel; DTrace's kernels know one).
 */

import type { ImageDefinition } from '../image/definition.ts';
import { buildImage } from '../image/image.ts';
import type { Image } from '../image/object.ts';
import { imagesIn } from '../image/platforms.ts';
import { tracepointsOf } from '../image/tracepoint.ts';
import type { Target } from '../model/target.ts';
import { declarationStrings } from '../notes/libusdt/declaration.ts';
import { errorCode, isProblem, type Problem, problemFrom } from '../runtime/reasons.ts';
import { fs } from '../runtime/runtime.ts';

export interface ImageFile {
  readonly image: Image;
  /** What tracers will make difficulties with. */
  readonly detail: string | undefined;
}

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
  const platform = `${target.os}-${target.arch}`;
  const images = imagesIn(bytes);
  const mine = images.find((candidate) => candidate.platform === platform);
  if (mine === undefined) {
    if (images.length === 0)
      return { path, reason: 'image-different', detail: `${path} is not an image: ${AGAIN}` };
    const built = images.map((other) => other.platform).join(' and ');
    const detail = `${path} was built for ${built}, and this is ${platform}: build it with --target ${platform}`;
    return { path, reason: 'image-wrong-architecture', detail };
  }
  const tracepoints =
    target.os === 'linux' ? new Set([target.tracepoint, ...tracepointsOf(target.arch)]) : [target.tracepoint];
  for (const tracepoint of tracepoints) {
    const image = buildImage(definition, { ...target, tracepoint });
    if (Buffer.compare(mine.bytes, image.bytes) !== 0) continue;
    const detail =
      (mode & EXECUTABLE) === 0
        ? `${path} has no execute bit, and bpftrace and bcc pass over such files: chmod 755 ${path}`
        : undefined;
    return { image, detail };
  }
  return { path, reason: 'image-different', detail: `${path} ${difference(bytes, definition, target)}` };
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

const AGAIN = 'build it again with usdt build';

/** In words, by the declarations: what of the definition is missing from the file, or else what must be it. */
function difference(bytes: Buffer, { provider, module, probes }: ImageDefinition, { os }: Target): string {
  // Only there are declarations.
  if (os !== 'linux') return `has other probes, or was built by another version of libusdt: ${AGAIN}`;
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
    return `does not have ${signature}${more}: ${AGAIN}`;
  }
  if (places.some((place, index) => index > 0 && place < places[index - 1]!))
    return `has the probes in another order: ${AGAIN}`;
  return `has other probes besides, or was built by another version of libusdt: ${AGAIN}`;
}
