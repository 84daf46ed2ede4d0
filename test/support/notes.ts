/**
 * The SDT notes of a file, by our own reader. Where readelf is there, it must see the same.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { decodeStapsdtNotes, readElf, type StapsdtNote } from '../../packages/libusdt/src/codecs.ts';
import { without } from './needs.ts';

const NOTE =
  /Provider: (.*)\n +Name: (.*)\n +Location: (\w+), Base: (\w+), Semaphore: (\w+)\n +Arguments: ?(.*)(?:\n|$)/g;

/** What binutils read. */
export function notesByReadelf(path: string): StapsdtNote[] {
  const text = execFileSync('readelf', ['-nW', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return [...text.matchAll(NOTE)].map(([, provider, name, pc, base, semaphore, args]) => ({
    pc: BigInt(pc!),
    base: BigInt(base!),
    semaphore: BigInt(semaphore!),
    provider: provider!,
    name: name!,
    args: args!.trimEnd(),
  }));
}

/** The notes of a file, none if it has no section of them. */
export function readNotes(path: string): StapsdtNote[] {
  const file = readElf(readFileSync(path));
  const section = file.section('.note.stapsdt');
  const notes = section ? decodeStapsdtNotes(file.data(section), file.format) : [];
  if (!without('readelf')) assert.deepEqual(notes, notesByReadelf(path), path);
  return notes;
}
