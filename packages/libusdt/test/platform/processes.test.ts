/** What only shows with several processes: races, sudden death, and the permissions of the runtime. */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { kill } from '../../../../test/support/processes.ts';
import { publish } from '../../src/publish/publish.ts';
import { age, BYTES, good, modeOf, NAME, opened, problem, temporaryFolder } from './support.ts';

const SEED = '7';
const CROWD = 32;

/** Compiled once, since there are many of them: started through a loader, each would cost half a second. */
const compiled = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'libusdt-child-')));
after(() => fs.rmSync(compiled, { recursive: true, force: true }));
compile();
const child = join(compiled, 'test/platform/child.js');

function compile(): void {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const tsconfig = {
    extends: here('../../../../tsconfig.base.json'),
    compilerOptions: { rootDir: here('../..'), outDir: compiled, noCheck: true, types: [] },
    files: [here('./child.ts')],
  };
  fs.writeFileSync(join(compiled, 'package.json'), '{ "type": "module" }');
  fs.writeFileSync(join(compiled, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tsc = here('../../../../node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', compiled], { stdio: 'inherit' });
}

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function run(...args: string[]) {
  return spawnSync(process.execPath, [child, ...args], { encoding: 'utf8' });
}

function firstOutput(from: ChildProcess): Promise<void> {
  return new Promise((done) => from.stdout!.once('data', () => done()));
}

function remainingOutput(from: ChildProcess): Promise<string> {
  return new Promise((done) => {
    let text = '';
    from.stdout!.on('data', (chunk) => {
      text += chunk;
    });
    from.on('close', () => done(text));
  });
}

interface Racer {
  ino: number;
  complete: boolean;
  created: boolean;
}

async function race(path: string): Promise<Racer[]> {
  const children = Array.from({ length: CROWD }, () => start('race', path, NAME, SEED));
  await Promise.all(children.map(firstOutput));
  const outputs = children.map(remainingOutput);
  fs.writeFileSync(join(path, '../go'), '');
  return (await Promise.all(outputs)).map((text) => JSON.parse(text) as Racer);
}

describe(`${CROWD} processes that publish at once`, () => {
  const starts: Record<string, (path: string) => void> = {
    'an empty folder': () => {},
    'a corrupt file': (path) => fs.writeFileSync(join(path, NAME), 'corrupt', { mode: 0o755 }),
    'what a killed process left': (path) => {
      fs.writeFileSync(join(path, NAME), BYTES.subarray(0, 100), { mode: 0o755 });
      fs.writeFileSync(join(path, `.lock-${NAME}`), '');
      age(join(path, `.lock-${NAME}`), 1);
    },
  };
  for (const [what, prepare] of Object.entries(starts)) {
    it(`get one inode, complete, starting from ${what}`, { timeout: 120_000 }, async (t) => {
      const path = join(temporaryFolder(t), 'libusdt');
      fs.mkdirSync(path, { mode: 0o700 });
      prepare(path);
      const racers = await race(path);
      assert.equal(racers.length, CROWD);
      assert.ok(racers.every(({ complete }) => complete));
      assert.deepEqual([...new Set(racers.map(({ ino }) => ino))], [fs.statSync(join(path, NAME)).ino]);
      assert.equal(racers.filter(({ created }) => created).length, 1);
      assert.deepEqual(fs.readdirSync(path), [NAME]);
    });
  }
});

describe('a process that is killed while it publishes', () => {
  /** The folder must be one that this process has not published to: it clears each but once. */
  function assertRecovers(path: string): void {
    // Whatever has the name now is either complete or not taken for complete.
    assert.equal(good(publish(opened(path), NAME, BYTES)).file, join(path, NAME));
    assert.deepEqual(fs.readdirSync(path), [NAME], 'nothing is left behind');
    assert.deepEqual(new Uint8Array(fs.readFileSync(join(path, NAME))), BYTES);
    assert.equal(modeOf(join(path, NAME)), 0o755);
  }

  for (const [what, prepare] of [
    ['a new file', () => {}],
    [
      'one in place of a corrupt one',
      (path: string) => fs.writeFileSync(join(path, NAME), 'bad', { mode: 0o755 }),
    ],
  ] as const) {
    it(`does no harm before any of the calls that make ${what}`, { timeout: 120_000 }, (t) => {
      const base = temporaryFolder(t);
      let deaths = 0;
      let leftovers = 0;
      for (;;) {
        const path = join(base, String(deaths));
        fs.mkdirSync(path, { mode: 0o700 });
        prepare(path);
        const victim = run('die', path, NAME, SEED, String(deaths + 1));
        if (victim.stdout.includes('survived')) break;
        assert.equal(victim.signal, 'SIGKILL', victim.stderr);
        deaths++;
        // A lock is left to its own rule: a minute, or whoever wants it after a second.
        for (const name of fs.readdirSync(path)) {
          if (name.startsWith('.')) leftovers++;
          if (name.startsWith('.lock-')) age(join(path, name), 1);
        }
        assertRecovers(path);
      }
      assert.ok(deaths >= 8, `publishing takes more than ${deaths} calls`);
      assert.ok(leftovers > 0, 'there was something to clean');
    });
  }

  it('does no harm at any moment', { timeout: 120_000 }, async (t) => {
    const base = temporaryFolder(t);
    for (let round = 0; round < 20; round++) {
      const path = join(base, String(round));
      fs.mkdirSync(path, { mode: 0o700 });
      const victim = start('loop', path, NAME, SEED);
      const closed = new Promise((done) => victim.once('close', done));
      await firstOutput(victim);
      // Any moment will do.
      await new Promise((done) => setTimeout(done, 5 + Math.random() * 20));
      kill(victim, 'SIGKILL');
      await closed;
      assertRecovers(path);
    }
  });
});

describe("Node's permission model", () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';

  function restricted(path: string, ...flags: string[]): object {
    const args = [flag, `--allow-fs-read=${compiled}/*`, ...flags, child, 'publish', path, NAME, SEED];
    const { stdout, stderr } = spawnSync(
      '/bin/sh',
      ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, ...args],
      {
        encoding: 'utf8',
      },
    );
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as object;
  }

  for (const granted of [[], ['--allow-fs-read=*']]) {
    it(`is a problem with the flags to add to ${granted[0] ?? 'none'}, and they are enough`, (t) => {
      const path = join(temporaryFolder(t), 'libusdt');
      const { reason, detail } = problem(restricted(path, ...granted));
      assert.equal(reason, 'folder-not-writable');
      const flags = detail.match(/--allow-\S+/g) ?? [];
      assert.deepEqual(flags, ['--allow-fs-read=*', `--allow-fs-write=${path}/*`, '--allow-addons']);
      assert.deepEqual(restricted(path, ...flags), { file: join(path, NAME), created: true });
      assert.deepEqual(restricted(path, ...flags), { file: join(path, NAME), created: false });
      assert.equal(modeOf(join(path, NAME)), 0o755);
      assert.deepEqual(fs.readdirSync(path), [NAME]);
    });
  }
});
