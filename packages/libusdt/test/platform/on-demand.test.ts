/** The file that Node loads, and the one beside it that is read when it is needed. Both as they are built. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../../../test/support/folders.ts';

const skip = process.platform === 'linux' ? false : 'what is needed here is rare on Linux only';
const folder = temporaryFolder();
const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const source = new URL('../../src/', import.meta.url);

/** Enables a provider with a library; what it said, and whether it read the other file. */
function enable(library: string, options = '{}') {
  const program = `
    import { createRequire } from 'node:module';
    import { createProvider } from ${JSON.stringify(library)};
    const { state, reason, detail } = createProvider('webapp', { probes: { hit: ['int'] }, ...${options} }).enable();
    const read = Object.keys(createRequire(import.meta.url).cache).some((file) => file.endsWith('rare.cjs'));
    console.log(JSON.stringify({ state, reason, detail, read }));`;
  const file = join(folder, 'program.mjs');
  writeFileSync(file, program);
  const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
  return JSON.parse(execFileSync(process.execPath, [file], { env, encoding: 'utf8' })) as {
    readonly state: string;
    readonly reason?: string;
    readonly detail?: string;
    readonly read: boolean;
  };
}

test('the other file has the functions of every rare.ts, and the one that Node loads has stand-ins for them', async () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(^|\/)rare\.ts$/.test(file),
  );
  const rooms = await Promise.all(
    files.map((file) => import(new URL(file, source).href) as Promise<Readonly<Record<string, unknown>>>),
  );
  const names = rooms.flatMap((room) => Object.keys(room)).sort();
  assert.ok(names.includes('buildMachOImage'));
  const rare = createRequire(import.meta.url)(join(dist, 'rare.cjs')) as Readonly<Record<string, unknown>>;
  assert.deepEqual(Object.keys(rare).sort(), names);
  const standIns = readFileSync(join(dist, 'index.js'), 'utf8').matchAll(/ = onDemand\("(\w+)"\)/g);
  assert.deepEqual([...standIns].map(([, name]) => name).sort(), names);
});

test('a program on Linux does not read the other file', { skip }, () => {
  const { state, read } = enable(join(dist, 'index.js'));
  assert.equal(state, 'active');
  assert.equal(read, process.arch === 'ia32');
});

test('it is read for what is in it', { skip }, () => {
  const { state, reason, read } = enable(join(dist, 'index.js'), "{ image: '/nowhere/webapp.so' }");
  assert.deepEqual([state, reason, read], ['unavailable', 'image-missing', true]);
});

test('where it is missing, the status says so, and nothing is thrown', { skip }, () => {
  const alone = join(folder, 'index.mjs');
  copyFileSync(join(dist, 'index.js'), alone);
  assert.equal(enable(alone).state, process.arch === 'ia32' ? 'unavailable' : 'active');
  const { state, reason, detail } = enable(alone, "{ image: '/nowhere/webapp.so' }");
  assert.deepEqual([state, reason], ['unavailable', 'load-failed']);
  assert.match(detail!, /rare\.cjs.*keep the files of the package together/s);
});

test('an uncaught error is shown with its name, its function and a short line of code', () => {
  const file = join(folder, 'uncaught.mjs');
  writeFileSync(
    file,
    `import { createProvider } from ${JSON.stringify(join(dist, 'index.js'))};\ncreateProvider('9');`,
  );
  const { stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  assert.match(stderr, /UsdtError: provider name "9"/);
  assert.match(stderr, /at createProvider/);
  assert.ok(
    stderr.split('\n').every((line) => line.length < 400),
    stderr,
  );
});

test('the files for bundlers have everything in them', { skip }, () => {
  const alone = join(folder, 'complete');
  cpSync(join(dist, 'complete'), alone, { recursive: true });
  writeFileSync(join(alone, 'package.json'), '{"type":"module"}');
  const { state, reason, read } = enable(join(alone, 'index.js'), "{ image: '/nowhere/webapp.so' }");
  assert.deepEqual([state, reason, read], ['unavailable', 'image-missing', false]);
  for (const file of readdirSync(alone))
    assert.doesNotMatch(readFileSync(join(alone, file), 'utf8'), /import\.meta|createRequire/, file);
});
