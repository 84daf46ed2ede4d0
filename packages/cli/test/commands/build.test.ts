/** `usdt build`: the images that it writes, read back, and used by a program that is traced. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ELFOSABI_FREEBSD,
  ELFOSABI_SOLARIS,
  type ElfFile,
  readElf,
  readNotes as readElfNotes,
} from 'libusdt/codecs';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { without } from '../../../../test/support/needs.ts';
import { readNotes } from '../../../../test/support/notes.ts';
import { kill } from '../../../../test/support/processes.ts';
import { jsonLines, usdt, withoutCommand, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';
import { symbolAddresses } from '../../src/catalogue/symbols.ts';

const folder = temporaryFolder();
const skip = withoutCommand();

const PROBES = {
  'request-start': ['uint32_t', 'char *'],
  'request-done': { args: ['uint32_t', 'uint16_t'] },
};
const definition = write('webapp.json', { provider: 'webapp', probes: PROBES });

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  fs.writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** EM_*: the processors. */
const EM_X86_64 = 62;
const EM_AARCH64 = 183;

function notes(path: string): string[] {
  return readNotes(path).map(({ provider, name, args }) => `${provider}:${name} ${args}`);
}

/** The build id, by our own reader. */
function buildIdOf(path: string): string {
  const elf = readElf(fs.readFileSync(path));
  const [note] = readElfNotes(elf.data(elf.section('.note.gnu.build-id')!), elf.format);
  return Buffer.from(note!.desc).toString('hex');
}

const elfOf = (path: string): ElfFile => readElf(fs.readFileSync(path));

test('writes an image for this machine', { skip }, () => {
  const image = join(folder, 'webapp.so');
  const { stdout, stderr, status } = usdt(
    folder,
    'build',
    definition,
    '-o',
    image,
    '--kernel',
    '6.1',
    '--target',
    'linux-x64',
  );
  assert.equal(status, 0, stderr);
  assert.equal(
    stdout,
    `${image}: webapp, 2 probes, for linux-x64 with nop, ${fs.statSync(image).size} bytes\n`,
  );
  assert.deepEqual(notes(image), [
    'webapp:request__start 4@%edi 8@%rsi',
    'webapp:request__done 4@%edi 2@%si',
  ]);
  assert.equal(elfOf(image).machine, EM_X86_64);
  assert.equal(fs.statSync(image).mode & 0o777, 0o755);
  assert.deepEqual(
    fs.readdirSync(folder).filter((name) => name.startsWith('.') || name.startsWith('libusdt')),
    [],
    'and nothing else',
  );
});

test('writes images for every other system, and their engines', {
  skip: skip || without('llvm-readobj'),
}, () => {
  for (const [target, format, machine] of [
    ['darwin-x64', 'Mach-O 64-bit x86-64', 'x86_64'],
    ['darwin-arm64', 'Mach-O arm64', 'aarch64'],
    ['linux-i386', 'elf32-i386', 'i386'],
    ['illumos-x64', 'elf64-x86-64', 'x86_64'],
    ['illumos-i386', 'elf32-i386', 'i386'],
    ['freebsd-x64', 'elf64-x86-64', 'x86_64'],
    ['freebsd-arm64', 'elf64-littleaarch64', 'aarch64'],
    ['freebsd-i386', 'elf32-i386', 'i386'],
  ] as const) {
    const there = join(folder, target);
    fs.mkdirSync(there);
    const image = join(there, 'webapp.so');
    const { status, stdout, stderr } = usdt(
      folder,
      'build',
      definition,
      '-o',
      image,
      '--target',
      target,
      '--engine',
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`2 probes, for ${target} with nop, `));
    const files = fs.readdirSync(there).map((name) => join(there, name));
    assert.equal(files.length, 2);
    const again = join(there, 'again.so');
    assert.equal(usdt(folder, 'build', definition, '-o', again, '--target', target).status, 0);
    assert.ok(fs.readFileSync(again).equals(fs.readFileSync(image)), 'the same bytes each time');
    for (const file of files) {
      const read = spawnSync('llvm-readobj', ['--file-headers', file], { encoding: 'utf8' });
      assert.deepEqual([read.status, read.stderr], [0, '']);
      assert.match(read.stdout, new RegExp(`Format: ${format}\nArch: ${machine}\n`));
    }
    if (target.startsWith('illumos')) assert.equal(elfOf(image).osabi, ELFOSABI_SOLARIS);
    if (target.startsWith('freebsd')) assert.equal(elfOf(image).osabi, ELFOSABI_FREEBSD);
  }
});

test('writes one file for both processors of macOS', { skip: skip || without('llvm-objdump') }, () => {
  const there = join(folder, 'darwin');
  fs.mkdirSync(there);
  const image = join(there, 'webapp.bundle');
  const { status, stdout, stderr } = usdt(
    folder,
    'build',
    definition,
    '-o',
    image,
    '--target',
    'darwin',
    '--engine',
    '--json',
  );
  assert.equal(status, 0, stderr);
  const printed = jsonLines(stdout);
  assert.deepEqual(
    printed.map(({ target, engine }) => [target, engine]),
    [
      ['darwin-x64', undefined],
      ['darwin-arm64', undefined],
      ['darwin-x64', true],
      ['darwin-arm64', true],
    ],
  );
  assert.equal(fs.readdirSync(there).length, 3, 'the image, and an engine for each');
  const headers = spawnSync('llvm-objdump', ['--macho', '--universal-headers', image], { encoding: 'utf8' });
  assert.deepEqual(
    headers.stdout.match(/^architecture .*/gm),
    ['architecture x86_64', 'architecture arm64'],
    headers.stderr,
  );
});

test('writes an image for arm64, and the engine', { skip }, () => {
  const there = join(folder, 'arm64');
  fs.mkdirSync(there);
  const image = join(there, 'webapp.so');
  const { stdout } = usdt(
    folder,
    'build',
    definition,
    '-o',
    image,
    '--target',
    'linux-arm64',
    '--engine',
    '--json',
  );
  const [built, engine] = jsonLines(stdout) as [Record<string, unknown>, Record<string, unknown>];
  const { buildId, bytes, ...rest } = built;
  assert.deepEqual(rest, {
    file: image,
    provider: 'webapp',
    probes: ['request-start', 'request-done'],
    target: 'linux-arm64',
    tracepoint: 'nop',
  });
  assert.equal(bytes, fs.statSync(image).size);
  assert.equal(buildIdOf(image), buildId);
  assert.equal(elfOf(image).machine, EM_AARCH64);
  assert.deepEqual(notes(image), ['webapp:request__start 4@x0 8@x1', 'webapp:request__done 4@x0 2@x1']);
  assert.match(String(engine.file), /arm64\/libusdt-engine-[0-9a-f]{16}\.so$/);
  assert.equal(elfOf(String(engine.file)).machine, EM_AARCH64);
  const register = 'napi_register_module_v1';
  assert.deepEqual([...symbolAddresses(elfOf(String(engine.file)), new Set([register])).keys()], [register]);
});

test('JSON and modules, with named and default exports, give the same bytes', { skip }, () => {
  const text = JSON.stringify(PROBES);
  const sources = [
    definition,
    write(
      'named.mjs',
      `export const provider = 'webapp'; export const probes = ${text}; export const other = 1;`,
    ),
    write('default.mjs', `export default { provider: 'webapp', probes: ${text} };`),
    write('common.cjs', `module.exports = { provider: 'webapp', module: 'webapp', probes: ${text} };`),
  ];
  const images = sources.map((source, index) => {
    const image = join(folder, `same-${index}.so`);
    const { stderr, status } = usdt(folder, 'build', source, '-o', image, '--kernel', '6.1');
    assert.equal(status, 0, stderr);
    return fs.readFileSync(image);
  });
  for (const image of images) assert.ok(image.equals(images[0]!));
});

test('an image in use is replaced, not written over', { skip }, () => {
  const image = join(folder, 'used.so');
  usdt(folder, 'build', definition, '-o', image);
  const { ino } = fs.statSync(image);
  const held = fs.openSync(image, 'r');
  usdt(folder, 'build', definition, '-o', image);
  assert.notEqual(fs.statSync(image).ino, ino);
  fs.closeSync(held);
});

test('what is wrong with a definition is said', { skip }, () => {
  const fails = (source: string, message: RegExp, code = 1): void => {
    const { stderr, status } = usdt(folder, 'build', source, '-o', join(folder, 'never.so'));
    assert.equal(status, code, stderr);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
  };
  fails(join(folder, 'none.json'), /none\.json: no such file/);
  fails(join(folder, 'none.js'), /none\.js: no such file/);
  fails(write('a.json', '{ "provider": '), /a\.json: .*JSON/);
  fails(write('b.json', []), /b\.json: a definition is an object/);
  fails(
    write('c.json', { provider: 'web1', probes: PROBES }),
    /c\.json: provider name "web1": must not end with a digit/,
  );
  fails(
    write('d.json', { provider: 'web', probes: { a: ['quark'] } }),
    /d\.json: unknown argument type "quark"/,
  );
  fails(
    write('e.json', { provider: 'web', probe: {} }),
    /e\.json: "probe" is not one of provider, module, probes/,
  );
  fails(write('f.json', { provider: 'web', probes: {} }), /f\.json: provider "web" has no probes/);
  fails(write('g.json', { provider: 'web' }), /g\.json: probes must be an object/);
  fails(write('h.mjs', 'throw new Error("oh");'), /h\.mjs can't be imported: oh/);
  fails(write('i.mjs', 'export const x = 1;'), /i\.mjs has no exports "provider" and "probes"/);
  assert.ok(!fs.existsSync(join(folder, 'never.so')));
  assert.equal(usdt(folder, 'build', definition).status, 2);
  assert.equal(usdt(folder, 'build', definition, '-o', 'x.so', '--target', 'linux-z80').status, 2);
  assert.equal(usdt(folder, 'build', definition, '-o', 'x.so', '--kernel', 'new').status, 2);
  const unwritable = usdt(folder, 'build', definition, '-o', join(folder, 'no', 'x.so'));
  assert.equal(unwritable.status, 1);
  assert.match(unwritable.stderr, /can't write .*: there is no such folder/);
});

test('a program that ships with its image is traced by it, and writes nothing', {
  skip: skip || withoutTracing(),
}, async () => {
  const artifact = join(folder, 'artifact');
  fs.mkdirSync(artifact);
  const library = new URL('../../../libusdt/dist/index.js', import.meta.url).href;
  write(
    'artifact/webapp.probes.mjs',
    `export const provider = 'shipped'; export const probes = ${JSON.stringify(PROBES)};`,
  );
  const program = write(
    'artifact/main.mjs',
    `import { createProvider } from ${JSON.stringify(library)};
import { provider, probes } from './webapp.probes.mjs';
const web = createProvider(provider, { probes, image: new URL('./webapp.so', import.meta.url) });
web.enable({ strict: true });
let i = 0;
setInterval(() => web.probes['request-start'].fire(i++, '/page/' + i), 20);
`,
  );
  const image = join(artifact, 'webapp.so');
  const built = usdt(folder, 'build', join(artifact, 'webapp.probes.mjs'), '-o', image, '--engine');
  assert.equal(built.status, 0, built.stderr);
  const cache = join(folder, 'no-cache');
  const child = spawn(process.execPath, [program], { env: { ...process.env, LIBUSDT_DIR: cache } });
  try {
    await until(() => fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8').includes(image), 'the image');
    const { stdout } = usdt(
      folder,
      'trace',
      'shipped:request-start',
      '--json',
      '-n',
      '3',
      '-p',
      String(child.pid),
    );
    const events = jsonLines(stdout).map(({ args }) => args as [number, string]);
    assert.equal(events.length, 3);
    for (const [n, text] of events) assert.equal(text, `/page/${n + 1}`);
    const maps = fs.readFileSync(`/proc/${child.pid}/maps`, 'utf8');
    assert.match(maps, /artifact\/libusdt-engine-[0-9a-f]{16}\.so$/m);
    assert.ok(!fs.existsSync(cache));
  } finally {
    kill(child, 'SIGKILL');
  }
});
