import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DEMO = fileURLToPath(new URL('../scripts/demo.mjs', import.meta.url));

const skip = process.platform !== 'linux' && 'not Linux';
test('the demo ends well and in time, shows events to root, and leaves nothing', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const begun = performance.now();
  const env = { ...process.env, TMPDIR: folder, NO_COLOR: '1' };
  const { status, signal, stdout } = spawnSync(process.execPath, [DEMO], { encoding: 'utf8', env });
  assert.deepEqual([status, signal], [0, null], stdout);
  assert.ok(performance.now() - begun < 15_000);
  assert.deepEqual(readdirSync(folder), []);
  if (process.geteuid?.() === 0) {
    assert.match(stdout, /webapp:request-done {2}uint32_t arg0=\d+, uint16_t arg1=200, json arg2=\{"hello":/);
    assert.match(stdout, /npx usdt trace 'webapp:\*'/);
  } else assert.match(stdout, /Only root may trace.*\n\n {4}(sudo npm run demo|su -c 'npm run demo')\n/);
});
