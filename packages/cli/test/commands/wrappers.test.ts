/** Programs that are not the command itself, but started by it, and soon over. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { readElf } from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { absent, without } from '../../../../test/support/needs.ts';
import { fixtureProgram, webapp } from '../../../../test/support/programs.ts';
import { jsonLines, MAIN, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { filesOfCommand } from '../../src/program-files.ts';

/** https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html */
const PT_INTERP = 3;
const folder = temporaryFolder();
const skip = withoutTracing();
let program = '';
before(() => {
  if (!skip) program = webapp(folder);
});

function script(name: string, text: string): string {
  const path = join(folder, name);
  fs.writeFileSync(path, text, { mode: 0o755 });
  return path;
}

/** A program whose probes are in a library, in a folder of its own. */
function linkedProgram(name: string): string {
  fs.mkdirSync(join(folder, name));
  fixtureProgram(join(folder, name), 'liblinked.so');
  return fixtureProgram(join(folder, name), 'linked');
}

/** Has another program load it: PT_INTERP names a text that is put behind the file. */
function setInterpreter(path: string, interpreter: string): void {
  const bytes = fs.readFileSync(path);
  const { segments } = readElf(bytes);
  const index = segments.findIndex(({ type }) => type === PT_INTERP);
  const [e_phoff, sizeofPhdr] = [Number(bytes.readBigUInt64LE(32)), 56];
  const phdr = e_phoff + index * sizeofPhdr;
  const text = Buffer.from(`${interpreter}\0`);
  bytes.writeBigUInt64LE(BigInt(bytes.length), phdr + 8);
  bytes.writeBigUInt64LE(BigInt(text.length), phdr + 32);
  fs.writeFileSync(path, Buffer.concat([bytes, text]));
}

const trace = (pattern: string, ...command: readonly string[]) => {
  const { stdout, stderr, status } = usdt(folder, 'trace', '--json', pattern, '--', ...command);
  return { events: jsonLines(stdout).length, stderr, status };
};

test('what a wrapper or script names is attached before it runs', { skip }, () => {
  const inner = script('inner', `#!/usr/bin/env sh\nX=1 exec ${program} 3\n`);
  const commands: Record<string, readonly string[]> = {
    env: ['env', 'X=1', program, '3'],
    'timeout nice': ['timeout', '5', 'nice', '-n', '1', program, '3'],
    'sh -c': ['sh', '-c', `sleep 0 && "${program}" 3`],
    'an option': ['sh', '-c', 'exec "$@"', 'sh', program, '3'],
    script: [inner],
    'sh script': ['sh', script('plain', `${program} 3`)],
    'script of a script': [script('outer', `#!/bin/sh\nsh '${inner}'\n`)],
    library: ['env', linkedProgram('named'), '3'],
    cd: ['sh', '-c', `cd ${folder} && ./webapp 3; true`],
  };
  for (const [name, command] of Object.entries(commands)) {
    const { events, stderr } = trace('webapp:*', ...command);
    assert.equal(events, 12, `${name}: ${stderr}`);
    assert.doesNotMatch(stderr, /missing/, name);
  }
});

test('what nobody could know of is told at the end, with status 5 and what to do', { skip }, () => {
  const short = webapp(folder, 'short');
  linkedProgram('hidden');
  for (const [name, file] of [
    ['short', short],
    ['hidden/linked', join(folder, 'hidden/liblinked.so')],
  ] as const) {
    const [half, rest] = [name.slice(0, 2), name.slice(2)];
    const wrapper = script(
      `composed-${name.replaceAll('/', '-')}`,
      `#!/bin/sh\nA=${half}\n"${folder}/\${A}${rest}" 3\nexit 0\n`,
    );
    const missed = trace('webapp:*', wrapper);
    assert.equal(missed.status, 5, missed.stderr);
    assert.ok(missed.events < 12);
    const pattern = `${file}:webapp:*`;
    assert.ok(missed.stderr.includes(`a program that uses ${file} `), missed.stderr);
    assert.ok(missed.stderr.includes(`'${pattern}'`), missed.stderr);
    assert.match(missed.stderr, /before its probes were attached: .* missing/);
    const seen = trace(pattern, wrapper);
    assert.deepEqual([seen.events, seen.status], [12, 0], seen.stderr);
  }
});

test('what was over and can be found nowhere is told, with status 5', { skip }, () => {
  const lost = script(
    'lost',
    `#!/bin/sh\nA=lo\nmkdir "${folder}/\${A}st.d" && cd "${folder}/\${A}st.d" &&
    ln -s ../webapp here && ./here 3; cd / && rm -r "${folder}/\${A}st.d"\n`,
  );
  const { status, stderr } = trace('webapp:*', lost);
  assert.match(
    stderr,
    /\.\/here was over before usdt could look at it: if it has such probes, its events are missing/,
  );
  assert.equal(status, 5);
});

test('without a shell to hold a command it is not run, and that is said', {
  skip: skip || without('unshare', 'mount'),
}, () => {
  const nothing = script('nothing', '');
  fs.chmodSync(nothing, 0o644);
  const run = `mount --bind ${nothing} "$(readlink -f /bin/sh)" && exec "$@"`;
  const words = [process.execPath, MAIN, 'trace', 'webapp:*', '--', program, '1'];
  const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', run, 'sh', ...words], {
    encoding: 'utf8',
  });
  assert.equal(stderr, "usdt: /bin/sh can't be started to run the command\n");
  assert.equal(status, 1);
});

test('what began in time is not told of; what fails keeps its status', { skip }, () => {
  const wrapper = script('twice', `#!/bin/sh\n${program} 1\n${program} 1\nexit 0\n`);
  const { events, status, stderr } = trace('webapp:*', wrapper);
  assert.deepEqual([events, status], [8, 0]);
  assert.match(stderr, /^usdt: tracing .*\nusdt: 8 events, 0 lost\n$/);
  const late = script('late', `#!/bin/sh\nA=sho\n"${folder}/\${A}rt" 1\nexit 7\n`);
  assert.equal(trace('webapp:*', late).status, 7);
});

test('a command that has no such probe: status 3', { skip }, () => {
  const { status, stderr } = trace('nosuchprovider:*', 'true');
  assert.equal(status, 3);
  assert.match(stderr, /no probe of what ran matches nosuchprovider:\*/);
  assert.equal(trace('nosuchprovider:*', 'sh', '-c', 'exit 9').status, 9);
});

/** Distributions build it with probes; who builds it alone may not. */
function withoutPhpProbes(): string | false {
  const missing = without('php');
  if (missing) return missing;
  const php = execFileSync('sh', ['-c', 'command -v php'], { encoding: 'utf8' }).trim();
  return usdt(folder, 'list', php).status === 0 ? false : absent('php has no probes');
}

test('php behind env', { skip: skip || withoutPhpProbes() }, () => {
  const { events, status, stderr } = trace('php:request*', 'env', 'X=1', 'php', '-n', '-r', ';');
  assert.deepEqual([events >= 2, status], [true, 0], stderr);
});

test('words that name files are not run, and pipes not read', { skip: skip || without('mkfifo') }, () => {
  const ran = join(folder, 'ran');
  const loader = script('ld-of-somebody.so', `#!/bin/sh\ntouch ${ran}\n`);
  const file = webapp(folder, 'foreign');
  setInterpreter(file, loader);
  fs.chownSync(loader, 65534, 65534);
  assert.ok(filesOfCommand(['cat', file]).includes(fs.realpathSync(file)));
  assert.equal(fs.existsSync(ran), false);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.equal(filesOfCommand(['cat', pipe]).includes(pipe), false);
});
