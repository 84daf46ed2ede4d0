/** The command's folders: what each may import, so that a source or a sink can be added without a look at the others. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('../src', import.meta.url));

/** From bottom to top: a folder imports only what stands before it, and files beside the folders. */
const ROOMS: readonly string[] = [
  'tracefs',
  'catalogue',
  'sources',
  'spans',
  'sinks',
  'scripts',
  'doctor',
  'commands',
];

/** Types too: `from`, what is imported for its effects, and `import()`. */
const SPECIFIER = /\b(?:from|import) ?\(? ?'(\.{1,2}\/[^']+\.ts)'/g;

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const imports = files.flatMap((file) =>
  [...readFileSync(join(SOURCE, file), 'utf8').matchAll(SPECIFIER)].map(([, specifier]) => ({
    file,
    imported: join(dirname(file), specifier!),
  })),
);

const roomOf = (file: string): string => file.split('/')[0]!;
/** Where the one of a source or of a sink is: `sinks/stat`. */
const folderOf = (file: string): string => dirname(file).split('/').slice(0, 2).join('/');

test('each folder has its place, and every import leads to a file', () => {
  const rooms = new Set(files.filter((file) => file.includes('/')).map(roomOf));
  assert.deepEqual([...rooms].sort(), [...ROOMS].sort());
  assert.deepEqual(
    imports.filter(({ imported }) => !existsSync(join(SOURCE, imported))),
    [],
  );
});

test('no folder imports what stands above it', () => {
  const upwards = imports.filter(
    ({ file, imported }) =>
      ROOMS.includes(roomOf(file)) && ROOMS.indexOf(roomOf(imported)) > ROOMS.indexOf(roomOf(file)),
  );
  assert.deepEqual(upwards, []);
});

test('spans and sinks do not ask what source there is, and no sink knows another', () => {
  const below = imports.filter(({ file }) => ['spans', 'sinks'].includes(roomOf(file)));
  assert.ok(below.some(({ imported }) => roomOf(imported) === 'sources'));
  assert.deepEqual(
    below.filter(({ imported }) => imported.startsWith('sources/kernel/')),
    [],
  );
  assert.deepEqual(
    below.filter(
      ({ file, imported }) =>
        folderOf(imported).startsWith('sinks/') && folderOf(imported) !== folderOf(file),
    ),
    [],
  );
});
