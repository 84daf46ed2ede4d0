/**
 * The SDT notes of a file as readelf sees them.
 * @module
 */

import assert from 'node:assert/strict';
import { run } from './support.ts';

export interface Note {
  readonly provider: string;
  readonly name: string;
  /** In the file. */
  readonly offset: number;
  /** For example `-4@%edi`. */
  readonly operands: readonly string[];
}

const NOTE =
  /Provider: (\S+)\s+Name: (\S+)\s+Location: (\S+), Base: \S+, Semaphore: 0x0+\s+Arguments: ?(.*)/g;
/** Offset, virtual address, physical address, size in the file. */
const SEGMENT = /LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)/g;

export function readNotes(file: string): Note[] {
  const segments = [...run('readelf', '-lW', file).matchAll(SEGMENT)].map((match) =>
    match.slice(1).map(Number),
  );
  return [...run('readelf', '-nW', file).matchAll(NOTE)].map(([, provider, name, location, operands]) => {
    const pc = Number(location);
    const segment = segments.find(([, address, size]) => pc >= address! && pc < address! + size!);
    assert.ok(segment, `${name} lies at ${location}, which is in no segment`);
    const offset = pc - segment[1]! + segment[0]!;
    return { provider: provider!, name: name!, offset, operands: operands!.match(/\S+/g) ?? [] };
  });
}
