/** A program whose probes have whatever names, and which fires them until it is killed. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replaceSection, sectionOf } from '../sections.ts';

export interface Names {
  readonly provider: string;
  readonly name: string;
}

/** The program of sites.c: sites without names. */
const SITES = fs.readFileSync(fileURLToPath(new URL('../fixtures/programs/sites', import.meta.url)));
const NOTES = '.note.stapsdt';

/** An SDT note of 64 bits: three sizes of 4 bytes and the owner, then `pc`, `base` and `semaphore`, then three strings. */
const DESC = 20;
const ADDRESSES = 24;
/** A note of sites.c, with its three strings. */
const NOTE_SIZE = DESC + ADDRESSES + 'sites\0site\0\0'.length;

/** The bytes of a name as `decodeText` gives it. */
function bytesOf(text: string): Buffer {
  return Buffer.concat(
    Array.from(text, (character) => {
      const point = character.codePointAt(0)!;
      return point >= 0xdc80 && point <= 0xdcff ? Buffer.of(point - 0xdc00) : Buffer.from(character);
    }),
  );
}

function asciz(text: string): Buffer {
  return Buffer.concat([bytesOf(text), Buffer.of(0)]);
}

/** The note of the n-th site with these names and one argument, its number. */
function named(old: Buffer, { provider, name }: Names, index: number): Buffer {
  const strings = Buffer.concat([asciz(provider), asciz(name), asciz(`-4@$${index}`)]);
  const note = Buffer.concat([old.subarray(0, DESC + ADDRESSES), strings, Buffer.alloc(-strings.length & 3)]);
  note.writeUInt32LE(ADDRESSES + strings.length, 4);
  return note;
}

/** Writes it. Usage of the program: [name of its thread, in hexadecimal]. */
export function writeProgram(
  folder: string,
  names: readonly Names[],
  path = join(folder, 'program'),
): string {
  const notes = sectionOf(SITES, NOTES);
  const size = (NOTE_SIZE + 3) & ~3;
  assert.ok(names.length <= notes.length / size, 'sites.c has too few sites');
  const renamed = names.map((name, index) => named(notes.subarray(index * size), name, index));
  // What runs may not be written; it may be replaced.
  fs.rmSync(path, { force: true });
  fs.writeFileSync(path, replaceSection(SITES, NOTES, Buffer.concat(renamed)), { mode: 0o755 });
  return path;
}

export function inHex(text: string): string {
  return bytesOf(text).toString('hex');
}
