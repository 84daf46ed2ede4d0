// Runs in the guest, by its Node: logs.cjs with the drop-in, and DTrace on it as bunyan -p asks for it. What was printed
// goes out as JSON, to be judged outside.
import { spawnSync } from 'node:child_process';
import { start } from './children.mjs';
import { list, startDaemon } from './dtrace.mjs';

/** Six ticks of logs.cjs: each of its records several times. */
const LINES = 12;

/** The first lines that dtrace prints, by way of `filter` where there is one. */
async function dtraced(script, filter = 'cat') {
  // bunyan -p asks for strings of 4k, which this DTrace refuses.
  const dtrace = `dtrace -Z -x strsize=3k -x switchrate=10hz -qn '${script}'`;
  const tracer = start('sh', '-c', `${dtrace} | ${filter}`);
  const lines = [];
  while (lines.length < LINES) lines.push(await tracer.next());
  spawnSync('pkill', ['-INT', '-x', 'dtrace']);
  const { err } = await tracer.ended;
  return { lines, err };
}

await startDaemon();
const service = start(process.execPath, 'logs.cjs');
await service.next();
const { pid } = service.child;
const probes = `bunyan${pid}:::log-*`;
const clause = `${probes}{printf("%s", copyinstr(arg0))}`;
const listed = list(probes);
const records = await dtraced(clause);
const shown = await dtraced(clause, 'node shop/node_modules/.bin/bunyan -o short');
console.log(JSON.stringify({ pid, listed, records, shown, logged: service.printed.out }));
process.exit(); // and the service and the daemon with it
