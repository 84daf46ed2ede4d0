/**
 * Runs all benchmarks, or those that the arguments name, one after the other; prints a table and writes results.json.
 * With --smoke, only looks whether each yields numbers.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { smoke } from './harness.mjs';
import { here } from './tools.mjs';

const GROUPS = {
  untraced: 'fire while nobody traces',
  forced: 'fire as if traced, without the trap',
  traced: 'fire under bpftrace { @ = count(); }',
  define: 'define and enable',
  dof: 'DOF, for DTrace',
  import: 'import of the package',
  memory: 'resident memory',
  bridges: 'publish to a channel that is bridged',
  http: 'an HTTP server with @libusdt/node',
  attach: 'attach to many probes, and end',
  cli: 'how long usdt takes to start, and for an event',
  tracers: 'usdt trace against bpftrace',
  sinks: 'usdt stat, record and export',
};

/** Milliseconds that one of them may take. */
const PATIENCE = 15 * 60_000;

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = wanted.find((name) => !(name in GROUPS));
if (unknown !== undefined)
  throw new Error(`there is no benchmark ${unknown}, but ${Object.keys(GROUPS).join(', ')}`);

const results = { date: new Date().toISOString(), machine: machine(), groups: {} };
console.log(`${Object.values(results.machine).join(', ')}\n`);
let failures = 0;

for (const [name, title] of Object.entries(GROUPS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const child = spawnSync(process.execPath, [join(here, `${name}.mjs`), ...options], {
    encoding: 'utf8',
    timeout: PATIENCE,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  console.log(title);
  if (child.status !== 0) {
    failures++;
    console.log(`  failed: ${name}.mjs ended with ${child.signal ?? child.status}\n`);
    continue;
  }
  const { rows } = JSON.parse(child.stdout.trimEnd().split('\n').at(-1));
  results.groups[name] = rows;
  for (const row of rows) {
    console.log(`  ${row.what.padEnd(60)} ${show(row)}`);
    if (row.skipped === undefined && !Number.isFinite(row.value)) failures++;
    if (row.skipped !== undefined && process.env.CI) failures++;
  }
  console.log();
}

if (!smoke && wanted.length === 0)
  writeFileSync(join(here, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
if (failures > 0) {
  console.error(`${failures} without a number`);
  process.exit(1);
}

/** Median, quartiles and fastest tenth. Where neighbours slow the machine down, the last is what the code itself takes. */
function show({ value, unit, low, high, best, most, note, skipped }) {
  if (skipped !== undefined) return `skipped: ${skipped}`;
  const quartiles = low === undefined ? '' : `(${round(low)} to ${round(high)})`;
  const fastest = best === undefined ? '' : `best ${round(best)}`;
  const met = value <= most ? 'met' : best <= most ? 'met at best' : 'missed';
  const goal = most === undefined || smoke ? '' : `goal ${round(most)}: ${met}`;
  return [round(value).padStart(8), unit.padEnd(11), quartiles.padEnd(16), fastest.padEnd(10), goal, note]
    .filter(Boolean)
    .join(' ')
    .trimEnd();
}

function round(value) {
  return Math.abs(value) < 10
    ? value.toFixed(2)
    : Math.abs(value) < 100
      ? value.toFixed(1)
      : value.toFixed(0);
}

function machine() {
  const [{ model } = { model: 'unknown processor' }] = cpus();
  const virtual = /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
  return {
    processor: `${cpus().length} x ${model.trim()}${virtual ? ' (virtual machine)' : ''}`,
    kernel: `Linux ${release()} ${process.arch}`,
    runtime: `Node ${process.versions.node}`,
  };
}
