/**
 * The standard output.
 */

import * as fs from 'node:fs';
import { EXIT, FailureError, writeProblem } from './errors.ts';
import { standardError } from './stderr.ts';
import { message } from './text.ts';

let stream: NodeJS.WriteStream | undefined;

/** Node's stream for it. To load that takes two milliseconds. */
export function standardOutput(): NodeJS.WriteStream {
  if (stream === undefined) {
    stream = process.stdout;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader, such as head(1), has enough.
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
      standardError().write(`usdt: ${message(writeProblem('the output', error))}\n`);
      process.exit(EXIT.failure);
    });
  }
  return stream;
}

let isFile: boolean | undefined;

/** Whether it is a terminal; quick for a file. */
export function isTerminal(): boolean {
  isFile ??= leadsToFile();
  return !isFile && standardOutput().isTTY;
}

/**
 * Writes, and waits if the reader is slow. The data may be changed when it is written.
 * @throws FailureError if it is a file that can't be written.
 */
export async function print(data: string | Uint8Array): Promise<void> {
  isFile ??= leadsToFile();
  if (isFile) {
    writeFile(typeof data === 'string' ? Buffer.from(data) : data);
    return;
  }
  await new Promise<void>((resolve) => {
    standardOutput().write(data, () => resolve());
  });
}

/** makedev(3): /dev/null and its kin. */
const MEMORY_DEVICE = 1;

function leadsToFile(): boolean {
  try {
    const stat = fs.fstatSync(1);
    return stat.isFile() || (stat.isCharacterDevice() && stat.rdev >> 8 === MEMORY_DEVICE);
  } catch {
    // It was closed.
    return false;
  }
}

/** A disk that fills up keeps what it has room for. */
function writeFile(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
  } catch (error) {
    throw new FailureError(writeProblem('the output', error));
  }
}
