// A program with probes that fire all the time. It obeys its standard input, and prints a line of JSON for each line.
// With the argument `worker` it has the probes on a worker thread.
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createProvider } from 'libusdt';

const print = (value) => (isMainThread ? console.log(JSON.stringify(value)) : parentPort.postMessage(value));

const counts = Object.fromEntries(
  Array.from({ length: 11 }, (_, n) => [
    `count-${n}x`,
    { function: `takes_${n}`, args: Array(n).fill('int64_t') },
  ]),
);
const web = createProvider('webapp', {
  module: 'app',
  probes: {
    'request-start': { function: 'accept', args: ['int', 'char *', 'int64_t', 'json'] },
    types: [
      'int8_t',
      'uint8_t',
      'int16_t',
      'uint16_t',
      'int32_t',
      'uint32_t',
      'int64_t',
      'uint64_t',
      'bool',
      'double',
    ],
    lots: { function: 'takes_32', args: Array(32).fill('int32_t') },
    ...counts,
  },
});
const api = createProvider('api', {
  module: 'api.js',
  probes: { 'call-done': { function: 'handle', args: ['uint32_t'] } },
});
// Another provider of the same name, as another copy of a package would make it.
const admin = createProvider('webapp', {
  module: 'admin',
  probes: { login: { function: 'sign_in', args: ['char *'] } },
});

/** How often `api` was enabled. */
let round = 1;
let lazy = 0;
let added;
let child;
const numbers = Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? i + 1 : -(i + 1)));

function fire() {
  const { probes } = web;
  probes['request-start'].fire(-42, 'grüße, 世界', -(2n ** 40n), { path: '/', n: [1, null] });
  probes.types.fire(-1, 255, -2, 65535, -3, 4294967295, -(2n ** 62n), 2n ** 63n + 1n, true, 1.5);
  probes.lots.fire(...numbers);
  for (let n = 0; n <= 10; n++) probes[`count-${n}x`].fire(...numbers.slice(0, n));
  api.probes['call-done'].fireLazy(() => {
    lazy++;
    return [round];
  });
  admin.probes.login.fire('root');
  added?.fire(5);
}

const commands = {
  'api on': () => {
    round++;
    return api.enable();
  },
  'api off': () => {
    api.disable();
    return api.status;
  },
  lazy: () => lazy,
  add: () => {
    added = web.addProbe('added', { function: 'later', args: ['int'] });
    return web.enable();
  },
  remove: () => {
    web.removeProbe(web.probes['count-3x']);
    return web.enable();
  },
  fork: () => {
    child = fork(new URL(import.meta.url), { stdio: 'ignore' });
    child.once('message', () => print(child.pid));
  },
  'kill child': () => {
    child.once('exit', (_code, signal) => print(signal));
    if (child.pid !== undefined) child.kill('SIGKILL');
  },
  end: () => process.exit(),
};

if (process.argv[2] === 'worker' && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: ['worker'] });
  worker.on('message', print);
} else {
  const statuses = [web.enable(), api.enable(), admin.enable()];
  if (process.send) process.send(statuses);
  else print(statuses);
  setInterval(fire, 2);
}
if (process.send) {
  process.on('disconnect', () => process.exit());
} else if (isMainThread) {
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const answer = commands[line]();
      if (answer !== undefined) print(answer);
    })
    .on('close', () => process.exit());
}
