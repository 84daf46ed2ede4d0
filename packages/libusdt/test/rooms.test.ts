/** The library's folders: what each may import. Circles, within a folder too, are found by `npm run lint` (noImportCycles). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));

/** From bottom to top: a folder imports only what stands before it. The files beside the folders import from all of them. */
const ROOMS: readonly string[] = [
  'model',
  'runtime',
  'ctypes',
  'abi',
  'asm',
  'arch',
  'object',
  'dof',
  'notes',
  'image',
  'hosts',
  'publish',
  'platform',
  'delivery',
  'provider',
];
const ENTRIES = ROOMS.length;

interface Import {
  readonly file: string;
  readonly imported: string;
}

/** Types too: `from`, what is imported for its effects, and `import()`. */
const SPECIFIER = /\b(?:from|import) ?\(? ?'(\.{1,2}\/[^']+)'/g;

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const imports: readonly Import[] = files.flatMap((file) =>
  [...readFileSync(join(SOURCE, file), 'utf8').matchAll(SPECIFIER)].map(([, specifier]) => ({
    file,
    imported: join(dirname(file), specifier!),
  })),
);

const roomOf = (file: string): string | undefined => (file.includes('/') ? file.split('/')[0] : undefined);
const floorOf = (file: string): number => {
  const room = roomOf(file);
  return room === undefined ? ENTRIES : ROOMS.indexOf(room);
};

describe('the folders of src', () => {
  test('each has its place in the order', () => {
    const rooms = new Set(files.map(roomOf).filter((room) => room !== undefined));
    assert.deepEqual([...rooms].sort(), [...ROOMS].sort());
  });

  test('none imports what stands above it', () => {
    const upwards = imports.filter(
      ({ file, imported }) => roomOf(file) !== roomOf(imported) && floorOf(imported) >= floorOf(file),
    );
    assert.deepEqual(upwards, []);
  });

  test('nothing imports an entry point', () => {
    assert.deepEqual(
      imports.filter(({ imported }) => roomOf(imported) === undefined),
      [],
    );
  });

  test('every import leads to a file that is there', () => {
    assert.ok(imports.length > files.length);
    const missing = imports.filter(({ imported }) => !files.includes(imported));
    assert.deepEqual(missing, []);
  });
});
