/** Programs that define their probes with libusdt: the images say everything, before the program has started. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../../../test/support/folders.ts';
import { kill } from '../../../../test/support/processes.ts';
import { jsonLines, MAIN, usdt, withoutTracing } from '../../../../test/support/usdt.ts';
import { until } from '../../../../test/support/wait.ts';

const folder = temporaryFolder();
const skip = withoutTracing();

const library = new URL('../../../libusdt/dist/index.js', import.meta.url).href;
const types = ['uint32_t', 'char *', 'json', 'double', 'int64_t*1000', 'bool', 'int64_t', 'int8_t'];
const program = join(folder, 'program.mjs');
fs.mkdirSync(join(folder, 'cache'), { mode: 0o700 });
fs.writeFileSync(
  program,
  `import { createProvider } from ${JSON.stringify(library)};
const shop = createProvider('shop-app', { probes: { 'request-start': ${JSON.stringify(types)} } });
shop.enable();
// In its first run the program makes the image itself, so its very first events are missed: it waits for the tracer.
while (process.argv[3] === 'wait' && !shop.probes['request-start'].enabled) await new Promise((done) => setTimeout(done, 5));
let i = 0;
const timer = setInterval(() => {
  shop.probes['request-start'].fire(i, '/päge/' + i, { i }, i + 0.25, 1.5, i > 0, -9007199254740993n, -1);
  if (++i >= Number(process.argv[2])) clearInterval(timer);
}, 20);
`,
);
const expected = (i: number) => [
  i,
  `/päge/${i}`,
  `{"i":${i}}`,
  i + 0.25,
  1.5,
  i > 0,
  '-9007199254740993',
  -1,
];
const argsOf = (text: string) => jsonLines(text).map(({ args }) => args);

test('names and types are the declared ones; a first run is seen without knowing its file', { skip }, () => {
  const { stdout, stderr, status } = usdt(
    folder,
    'trace',
    'shop-app:*',
    '--json',
    '--',
    process.execPath,
    program,
    '4',
    'wait',
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(argsOf(stdout), [0, 1, 2, 3].map(expected));
});

test('a second run is seen from its first event, since the image is there already', { skip }, () => {
  const { stdout } = usdt(
    folder,
    'trace',
    'shop-app:request-start',
    '--json',
    '--',
    process.execPath,
    program,
    '3',
  );
  assert.deepEqual(argsOf(stdout), [0, 1, 2].map(expected));
  const text = usdt(folder, 'trace', 'shop-app:*', '-q', '--', process.execPath, program, '1').stdout;
  assert.match(
    text,
    /shop-app:request-start {2}uint32_t arg0=0, char \* arg1="\/päge\/0", json arg2=\{"i":0\}, double arg3=0.25, int64_t\*1000 arg4=1.5, bool arg5=false, int64_t arg6=-9007199254740993, int8_t arg7=-1\n$/,
  );
  const [image] = fs
    .readdirSync(join(folder, 'cache'))
    .filter((name) => name.startsWith('libusdt-shop-app-'));
  assert.match(
    usdt(folder, 'list', join(folder, 'cache', image!)).stdout,
    /^shop-app:request-start +uint32_t, char \*, json, double, int64_t\*1000, bool, int64_t, int8_t +- +/m,
  );
});

test('a program that starts after the tracer is seen from its first event', { skip }, async () => {
  const env = { ...process.env, LIBUSDT_DIR: join(folder, 'cache') };
  const tracer = spawn(
    process.execPath,
    [MAIN, 'trace', 'shop-app:*', '--json', '-n', '2', '--where', 'arg0 < 100 && arg1 ~ "/p*"'],
    { env },
  );
  let out = '';
  let err = '';
  tracer.stdout.on('data', (data) => {
    out += data;
  });
  tracer.stderr.on('data', (data) => {
    err += data;
  });
  await until(() => err.includes('tracing shop-app:request-start'), 'the tracer');
  const child = spawn(process.execPath, [program, '50'], { env });
  await new Promise((resolve) => tracer.on('close', resolve));
  kill(child);
  assert.deepEqual(argsOf(out), [0, 1].map(expected));
});
