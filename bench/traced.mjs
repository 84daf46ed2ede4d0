/**
 * What a fire costs under `bpftrace -e '... { @ = count(); }'`: from JavaScript, and from a C program with <sys/sdt.h>.
 * One bpftrace traces both at once; they take turns, each round in the other order.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, report, smoke, spread } from './harness.mjs';
import { compile, interrupt, kill, library, temporaryFolder } from './tools.mjs';

const ROUNDS = smoke ? 2 : 41;
const FIRES = smoke ? 100 : 20_000;
const WARM_UP = smoke ? 1000 : 100_000;
/** Seconds until bpftrace must have attached: it reads kernel type information first. */
const PATIENCE = 60;

const skipped = reasonToSkip();
if (skipped) report([{ what: 'fire(int, int, int), traced', unit: 'ns', skipped }]);
else await measure();

function reasonToSkip() {
  if (process.geteuid?.() !== 0) return 'bpftrace needs root';
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'bpftrace is not installed';
  return undefined;
}

async function measure() {
  process.env.LIBUSDT_DIR = temporaryFolder();
  const { createProvider } = await import(library);
  const provider = createProvider('bench');
  const probe = provider.addProbe('hit', ['int', 'int', 'int']);
  const { file, tracepoint } = provider.enable({ strict: true });
  const program = compile('traced.c', 'traced');

  const script = `usdt:${file}:bench:hit { @js = count(); } usdt:${program}:bench:hit { @c = count(); }`;
  const tracer = spawn('bpftrace', ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const c = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  process.on('exit', () => {
    kill(tracer, 'SIGKILL');
    kill(c, 'SIGKILL');
  });
  try {
    let printed = '';
    tracer.stdout.setEncoding('utf8').on('data', (part) => {
      printed += part;
    });
    const ended = new Promise((resolve) => tracer.once('close', resolve));
    const deadline = Date.now() + PATIENCE * 1000;
    while (!probe.enabled) {
      if (tracer.exitCode !== null || Date.now() > deadline)
        throw new Error(`bpftrace did not attach: ${printed}`);
      await sleep(20);
    }
    // It attaches one probe after the other.
    await sleep(500);

    const lines = createInterface({ input: c.stdout })[Symbol.asyncIterator]();
    const fireC = async (count) => {
      c.stdin.write(`${count}\n`);
      return Number((await lines.next()).value) / count;
    };
    const fireJs = (count) => {
      const start = process.hrtime.bigint();
      for (let i = 0; i < count; i++) probe.fire(i, i + 1, i + 2);
      return Number(process.hrtime.bigint() - start) / count;
    };
    fireJs(WARM_UP);
    await fireC(WARM_UP);
    const js = [];
    const cs = [];
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 2 === 0) js.push(fireJs(FIRES));
      cs.push(await fireC(FIRES));
      if (round % 2 === 1) js.push(fireJs(FIRES));
    }
    await interrupt(tracer, ended);
    const fires = WARM_UP + ROUNDS * FIRES;
    for (const counter of ['@js', '@c']) {
      if (!printed.includes(`${counter}: ${fires}\n`))
        throw new Error(`bpftrace should have counted ${fires} fires each, and printed: ${printed}`);
    }
    const row = (what, values) => ({
      what,
      ...spread(values),
      unit: 'ns',
    });
    report([
      row('C program with <sys/sdt.h>, 3 ints', cs),
      { ...row(`libusdt, fire(int, int, int), tracepoint ${tracepoint}`, js) },
      {
        what: 'libusdt in proportion to C',
        value: median(js.map((ns, i) => ns / cs[i])),
        unit: 'x',
        most: 1,
      },
    ]);
  } finally {
    kill(tracer, 'SIGKILL');
    kill(c, 'SIGKILL');
  }
}
