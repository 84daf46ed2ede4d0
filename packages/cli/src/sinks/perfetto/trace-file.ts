/**
 * A trace in a file that grows. A regular file is a whole JSON document after each write, so that it is one also if the
 * process is killed between writes or the disk is full: the end is written behind the events, and the next events over it.
 */

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FailureError, writeProblem } from '../../errors.ts';
import { toJson } from '../../text.ts';

// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU, "JSON Object Format"
const BEGIN = '{"displayTimeUnit":"ns","traceEvents":[\n';
const SEPARATOR = ',\n';

export class TraceFile {
  /** So far. */
  bytes = 0;
  private readonly path: string;
  private readonly handle: FileHandle;
  /** Whether what is written can be written over. */
  private readonly regular: boolean;
  private readonly metadata: () => object;
  /** Of what stays. */
  private position = 0;
  private empty = true;

  private constructor(path: string, handle: FileHandle, regular: boolean, metadata: () => object) {
    this.path = path;
    this.handle = handle;
    this.regular = regular;
    this.metadata = metadata;
  }

  /**
   * Replaces what the file has.
   * @param metadata what to say of the trace as a whole, as of now.
   * @throws FailureError
   */
  static async create(path: string, metadata: () => object): Promise<TraceFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o666);
    } catch (error) {
      throw cannotWrite(path, error);
    }
    const file = new TraceFile(path, handle, (await handle.stat()).isFile(), metadata);
    await file.append(BEGIN);
    return file;
  }

  /**
   * @param text events, each followed by a comma and a line end.
   * @throws FailureError; what there was room for is a whole document then.
   */
  async write(text: string): Promise<void> {
    if (text === '') return;
    const events = text.slice(0, -SEPARATOR.length);
    try {
      await this.append(this.empty ? events : SEPARATOR + events);
      this.empty = false;
    } catch (error) {
      // There may be room for the first of them.
      const behind = events.indexOf(SEPARATOR, events.length / 2);
      const middle = behind === -1 ? events.lastIndexOf(SEPARATOR) : behind;
      if (!this.regular || middle === -1) throw error;
      await this.write(text.slice(0, middle + SEPARATOR.length));
      await this.write(text.slice(middle + SEPARATOR.length));
    }
  }

  /** @throws FailureError */
  async close(): Promise<void> {
    try {
      if (this.regular) await this.append('');
      else await this.put(Buffer.from(this.end()), null);
    } finally {
      await this.handle.close();
    }
  }

  private end(): string {
    return `\n],"otherData":${toJson(this.metadata())}}\n`;
  }

  private async append(text: string): Promise<void> {
    if (!this.regular) {
      const bytes = Buffer.from(text);
      await this.put(bytes, null);
      this.bytes += bytes.length;
      return;
    }
    const bytes = Buffer.from(text + this.end());
    try {
      await this.put(bytes, this.position);
    } catch (error) {
      await this.mend();
      throw error;
    }
    this.bytes = this.position + bytes.length;
    this.position += Buffer.byteLength(text);
  }

  private async put(bytes: Buffer, position: number | null): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        const at = position === null ? null : position + done;
        done += (await this.handle.write(bytes, done, bytes.length - done, at)).bytesWritten;
      }
    } catch (error) {
      throw cannotWrite(this.path, error, this.regular && !this.empty);
    }
  }

  /** Puts the end behind what was written before, where there was one: that needs no more room. */
  private async mend(): Promise<void> {
    try {
      const end = Buffer.from(this.end());
      const room = this.bytes - this.position;
      // The numbers in it may have grown.
      const bytes = end.length <= room ? end : Buffer.from('\n]}\n');
      await this.handle.write(bytes, 0, bytes.length, this.position);
      await this.handle.truncate(this.position + bytes.length);
    } catch {
      // The error that is told is the first.
    }
  }
}

function cannotWrite(path: string, error: unknown, begun = false): FailureError {
  return new FailureError(`${writeProblem(path, error)}${begun ? '; it has what was recorded before' : ''}`);
}
