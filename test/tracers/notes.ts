/**
 * The SDT notes of a file, with the places in it that the kernel puts uprobes at.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PT_LOAD, readElf } from '../../packages/libusdt/src/codecs.ts';
import { readNotes as readSdtNotes } from '../support/notes.ts';

export interface Note {
  readonly provider: string;
  readonly name: string;
  /** In the file. */
  readonly offset: number;
  /** For example `-4@%edi`. */
  readonly operands: readonly string[];
}

export function readNotes(file: string): Note[] {
  const segments = readElf(readFileSync(file)).segments.filter(({ type }) => type === PT_LOAD);
  return readSdtNotes(file).map(({ provider, name, pc, args }) => {
    const segment = segments.find(({ vaddr, filesz }) => pc >= vaddr && pc < vaddr + filesz);
    assert.ok(segment, `${name} lies at ${pc}, which is in no segment`);
    const offset = Number(pc - segment.vaddr + segment.offset);
    return { provider, name, offset, operands: args.match(/\S+/g) ?? [] };
  });
}
