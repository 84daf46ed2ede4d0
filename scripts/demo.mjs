// `npm run demo`: runs examples/http-server.mjs, sends it requests, and shows what a tracer sees of its probes: the
// project's own `usdt trace`, and bpftrace too where it is installed.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const bold = (text) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text);
const title = (text) => console.log(`\n${bold(text)}`);

title('A program with probes: examples/http-server.mjs');
const server = spawn(process.execPath, [path('examples/http-server.mjs')], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.on('exit', () => server.kill());
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

let file;
let url;
for await (const line of createInterface({ input: server.stdout })) {
  console.log(`  ${line}`);
  file ??= /^probes are in (.*)$/.exec(line)?.[1];
  url = /^listening on (.*)\/hello/.exec(line)?.[1];
  if (url) break;
}
if (!file) {
  console.log(
    '\nThis machine has no tracepoints for it (see above). The program runs on as if nothing were there.',
  );
  process.exit(0);
}

const paths = ['/hello/world', '/hello/Zo%C3%AB', '/favicon.ico'];
let sent = 0;
const requests = setInterval(() => get(url + paths[sent++ % paths.length], (answer) => answer.resume()), 100);

title("What the project's own tracer sees: usdt trace 'webapp:*' --count 6");
const usdt = spawn(
  process.execPath,
  [
    path('packages/cli/dist/main.js'),
    'trace',
    'webapp:*',
    '--pid',
    String(server.pid),
    '--count',
    '6',
    '--quiet',
  ],
  { stdio: 'inherit' },
);
const [code] = await once(usdt, 'exit');
if (code !== 0) {
  console.log(
    'The message above says what keeps this machine from tracing. The probes are there all the same:',
  );
  spawnSync(process.execPath, [path('packages/cli/dist/main.js'), 'list', file], { stdio: 'inherit' });
}

const script = `usdt:${file}:webapp:request__done { printf("request %d: status %d, %s\\n", arg0, arg1, str(arg2)); @++; } interval:ms:20 /@ >= 3/ { exit(); } END { clear(@); }`;
const bpftrace = spawn('bpftrace', ['-q', '-e', script], { stdio: ['ignore', 'inherit', 'pipe'] });
bpftrace.on('error', () => {});
if (bpftrace.pid && code === 0) {
  title(`The same with bpftrace: usdt:${file}:webapp:request__done`);
  const limit = pause(20_000, 'late', { ref: false });
  if ((await Promise.race([once(bpftrace, 'exit'), limit])) === 'late') bpftrace.kill();
} else {
  bpftrace.kill();
}

clearInterval(requests);
title('Try it yourself');
console.log(`  node examples/http-server.mjs &
  npx usdt list 'webapp:*' --all
  npx usdt trace 'webapp:request-start'
  curl http://127.0.0.1:8080/hello/you`);
process.exit(0);
