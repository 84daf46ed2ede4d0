/**
 * What happens to files and mappings as a provider lives. Where a tracer is needed, see test/tracers.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { readNotes } from '../../../../test/support/notes.ts';
import { createProvider } from '../../src/index.ts';

const linux = process.platform === 'linux' ? false : 'images are mapped on Linux only';
const previous = process.env.LIBUSDT_DIR;
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'libusdt-test-'));
  process.env.LIBUSDT_DIR = folder;
});
after(() => {
  rmSync(folder, { recursive: true });
  if (previous === undefined) delete process.env.LIBUSDT_DIR;
  else process.env.LIBUSDT_DIR = previous;
});

function mapped(file: string): boolean {
  return readFileSync('/proc/self/maps', 'utf8').includes(file);
}

/** Provider:probe names in a file. */
function listed(file: string): string[] {
  return readNotes(file)
    .map(({ provider, name }) => `${provider}:${name}`)
    .sort();
}

function active(provider: ReturnType<typeof createProvider>) {
  const { status } = provider;
  assert.equal(status.state, 'active', JSON.stringify(status));
  if (status.state !== 'active') throw new Error('unreachable');
  return status;
}

describe('a provider on Linux', { skip: linux }, () => {
  test('enable() maps a published file, disable() drops it', () => {
    const web = createProvider('webapp', { probes: { start: ['int'], done: ['char *'] } });
    assert.equal(web.status.state, 'disabled');
    assert.equal(web.enable().state, 'active');
    const { file, files, storage, tracepoint, registeredBy } = active(web);
    assert.deepEqual(files, [file]);
    assert.equal(storage, 'file');
    assert.match(tracepoint, /^nop/);
    assert.match(registeredBy, /uprobes/);
    assert.equal(statSync(file).mode & 0o7777, 0o755);
    assert.ok(mapped(file));
    assert.deepEqual(listed(file), ['webapp:done', 'webapp:start']);
    web.disable();
    assert.ok(!mapped(file));
    assert.ok(existsSync(file), 'tracers may look at the file of a program that is not running');
    assert.equal(web.status.state, 'disabled');
  });

  test('enable() and disable() are idempotent, and enable() brings the same file back', () => {
    const web = createProvider('webapp', { probes: { start: ['int'] } });
    web.enable();
    const { file } = active(web);
    web.enable();
    assert.deepEqual(active(web).files, [file]);
    web.disable();
    web.disable();
    web.enable();
    assert.equal(active(web).file, file);
    web.free();
  });

  test('an untraced probe is not enabled, and fires into nothing', () => {
    const web = createProvider('webapp', { probes: { start: ['int'] } });
    web.enable();
    const { start } = web.probes;
    assert.equal(start.enabled, false);
    start.fire(1);
    let called = false;
    start.fireLazy(() => {
      called = true;
      return [1];
    });
    assert.equal(called, false);
    web.free();
    assert.equal(start.enabled, false);
  });

  test('a probe that was added later comes in a file of its own; the first file stays as it is', () => {
    const web = createProvider('webapp', { probes: { start: ['int'] } });
    web.enable();
    const { file } = active(web);
    web.addProbe('later', ['int']);
    assert.deepEqual(active(web).files, [file]);
    web.enable();
    const { files } = active(web);
    assert.equal(files.length, 2);
    assert.equal(files[0], file);
    assert.deepEqual(files.map(listed), [['webapp:start'], ['webapp:later']]);
    web.free();
    for (const each of files) assert.ok(!mapped(each));
  });

  test('a removed probe is gone after the next enable()', () => {
    const web = createProvider('webapp', { probes: { start: ['int'], done: ['int'] } });
    web.enable();
    const { file } = active(web);
    web.removeProbe(web.probes.done);
    assert.deepEqual(active(web).lingering, ['done']);
    web.probes.done.fire(1);
    web.enable();
    const status = active(web);
    assert.deepEqual(status.lingering, []);
    assert.deepEqual(listed(status.file), ['webapp:start']);
    assert.ok(!mapped(file));
    web.free();
  });

  test('two providers of one name, also with the same probes', () => {
    const probes = { start: ['int'] } as const;
    const one = createProvider('webapp', { probes });
    const two = createProvider('webapp', { probes });
    const three = createProvider('webapp', { probes: { other: [] } });
    for (const provider of [one, two, three]) provider.enable();
    const { file } = active(one);
    assert.equal(active(two).file, file);
    assert.notEqual(active(three).file, file);
    one.free();
    assert.ok(mapped(file), 'still in use by the second');
    two.free();
    assert.ok(!mapped(file));
    three.free();
  });

  test('`using` frees it', () => {
    let file: string;
    {
      using web = createProvider('webapp', { probes: { start: ['int'] } });
      web.enable();
      file = active(web).file;
    }
    assert.ok(!mapped(file));
  });

  test('probes outlive a provider that nobody holds, and the other way round', {
    skip: !globalThis.gc && 'needs --expose-gc',
  }, async () => {
    const fire = (() => {
      const web = createProvider('gcapp', { probes: { start: ['int'] } });
      web.enable();
      return web.probes.start;
    })();
    for (let round = 0; round < 5; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
      fire.fire(round);
    }
    assert.match(readFileSync('/proc/self/maps', 'utf8'), /libusdt-gcapp-/);
  });

  test('a definition is the same file in every process and thread', async () => {
    const web = createProvider('shared', { probes: { start: ['int'] } });
    web.enable();
    const { file } = active(web);
    const source = new URL('../../src/index.ts', import.meta.url).href;
    const program = `
      const { createProvider } = await import(${JSON.stringify(source)});
      const web = createProvider('shared', { probes: { start: ['int'] } });
      const { file } = web.enable();`;
    const child = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', `${program} console.log(file)`],
      { encoding: 'utf8' },
    );
    assert.equal(child.trim(), file);
    const worker = new Worker(
      `import('tsx/esm/api').then(async ({ register }) => { register(); ${program}
         (await import('node:worker_threads')).parentPort.postMessage(file); });`,
      { eval: true },
    );
    const answer = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    assert.equal(answer, file);
    await worker.terminate();
    assert.ok(mapped(file), 'the end of a worker takes nothing from the others');
    web.free();
  });

  test('thousands of probes in one provider', () => {
    const probes = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`p${n}x`, ['int'] as const]));
    const web = createProvider('many', { probes });
    web.enable();
    assert.equal(listed(active(web).file).length, 3000);
    web.free();
  });
});

describe('where nothing can be made visible', { skip: linux }, () => {
  test('a folder that can not be trusted: in memory, and the status says so', () => {
    process.env.LIBUSDT_DIR = '/proc/nowhere';
    try {
      const web = createProvider('webapp', { probes: { start: ['int'] } });
      const status = web.enable();
      assert.equal(status.state, 'active', JSON.stringify(status));
      if (status.state !== 'active') return;
      assert.equal(status.storage, 'memory');
      assert.match(status.detail ?? '', /in memory.*\/proc\/nowhere/);
      assert.deepEqual(listed(status.file), ['webapp:start']);
      web.free();
      assert.ok(!existsSync(status.file), 'its descriptor is closed');
    } finally {
      process.env.LIBUSDT_DIR = folder;
    }
  });

  test('an unknown platform: no error, no file, a reason', () => {
    const source = new URL('../../src/index.ts', import.meta.url).href;
    const program = `
      Object.defineProperty(process, 'platform', { value: 'win32' });
      const { createProvider } = await import(${JSON.stringify(source)});
      const web = createProvider('webapp', { probes: { start: ['int'] } });
      const status = web.enable();
      web.probes.start.fire(1);
      let code;
      try { web.enable({ strict: true }); } catch (error) { code = [error.code, error.reason]; }
      web.disable(); web.free();
      console.log(JSON.stringify({ status, code }));`;
    const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, LIBUSDT_DIR: join(folder, 'win32') },
    });
    const { status, code } = JSON.parse(output);
    assert.equal(status.state, 'unavailable');
    assert.equal(status.reason, 'platform-not-supported');
    assert.match(status.detail, /win32/);
    assert.deepEqual(code, ['USDT_UNAVAILABLE', 'platform-not-supported']);
    assert.ok(!existsSync(join(folder, 'win32')));
  });
});
