/**
 * The messages of messages.tst.ts once more, as the installed compiler writes them: TypeScript 7 has no interface that
 * TSTyche could use, and words some of them in its own way.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const DIRECTIVE = /@ts-expect-error (.+)$/;

/** Line number (from 1) -> the message that is expected there. A `...` stands for anything. */
function expectations(source: string): Map<number, string> {
  const lines = source.split('\n');
  const found = new Map<number, string>();
  for (const [index, line] of lines.entries()) {
    const [, message] = DIRECTIVE.exec(line) ?? [];
    if (message !== undefined) found.set(index + 2, message);
  }
  return found;
}

/** Line number -> what the compiler says of it, with the lines that explain it. */
function compile(source: string): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'libusdt-messages-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'mistakes.ts'), source);
    const config = { extends: join(ROOT, 'tsconfig.json'), files: ['mistakes.ts'], include: [] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const said = new Map<number, string>();
    let at = 0;
    for (const line of stdout.trimEnd().split('\n')) {
      const [, number, text] = /^mistakes\.ts\((\d+),\d+\): error TS\d+: (.*)$/.exec(line) ?? [];
      if (number !== undefined) at = Number(number);
      else assert.match(line, /^ /, `not about the mistakes: ${line}`);
      said.set(at, `${said.get(at) ?? ''}${text ?? line}\n`);
    }
    return said;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the installed compiler names each mistake', () => {
  const file = fileURLToPath(new URL('messages.tst.ts', import.meta.url));
  const library = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  const source = readFileSync(file, 'utf8').replace('../../src/index.ts', library);
  const expected = expectations(source);
  assert.ok(expected.size > 20);
  const said = compile(source.replaceAll('@ts-expect-error', 'expected:'));
  assert.deepEqual([...said.keys()].sort(), [...expected.keys()].sort(), 'errors at these lines');
  for (const [line, message] of expected) {
    let rest = said.get(line)!;
    for (const part of message.split('...')) {
      const at = rest.indexOf(part);
      assert.ok(at >= 0, `line ${line}: expected ${message}, not ${said.get(line)}`);
      rest = rest.slice(at + part.length);
    }
  }
});
