/**
 * The engine, the lifecycle and the fire path on arm64, under emulation, where no tracer can attach. A tracer of one
 * instruction stands in: it replaces the tracepoint in this process' own copy of the page, as a breakpoint would, by
 * one that moves an argument into the register of the result, and the engine stores that in the frame.
 *
 * Run by Node 24, which strips the types. Prints what arm64.test.ts expects as JSON.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { FRAME } from '../../../packages/libusdt/src/abi/call-block.ts';
import { createProvider } from '../../../packages/libusdt/src/index.ts';
import type { MappedImage } from '../../../packages/libusdt/src/platform/platform.ts';
import type { Probe } from '../../../packages/libusdt/src/provider/probe.ts';
import { ProbeHandle } from '../../../packages/libusdt/src/provider/probe.ts';

// Arm Architecture Reference Manual, C6.2: NOP; ORR x0, xzr, xM; LDR x0, [sp, #imm12 * 8].
const NOP = 0xd503201f;
const moveFromRegister = (register: number): number => 0xaa0003e0 + register * 2 ** 16;
const loadFromStack = (word: number): number => 0xf94003e0 + word * 2 ** 10;
/** AAPCS64 6.8.2: eight in registers, the others on the stack. */
const take = (argument: number): number =>
  argument < 8 ? moveFromRegister(argument) : loadFromStack(argument - 8);

/** Where a probe's code is: what the provider tells the probe. */
const places = new Map<unknown, { readonly loaded: MappedImage; readonly index: number }>();
const { attach } = ProbeHandle.prototype;
ProbeHandle.prototype.attach = function (loaded, index) {
  places.set(this, { loaded, index });
  attach.call(this, loaded, index);
};

/** Only before the probe has fired for the first time: the emulator keeps its translation of what stood there. */
function patch(probe: Probe<never>, instruction: number): void {
  const { loaded, index } = places.get(probe)!;
  const memory = openSync('/proc/self/mem', 'r+');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(instruction);
  writeSync(memory, bytes, 0, 4, Number(loaded.textAddress) + loaded.sites.at(index)!.site);
  closeSync(memory);
}

/** What the tracer of one instruction saw of the last event. */
function seen(probe: Probe<never>): bigint {
  const { frame } = places.get(probe)!.loaded.engine;
  return new BigInt64Array(frame.bytes.buffer)[FRAME.result / 8]!;
}

function textAt(probe: Probe<never>): string {
  const { engine } = places.get(probe)!.loaded;
  const bytes = engine.read(BigInt.asUintN(64, seen(probe)), 64);
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString();
}

const mapped = (file: string): boolean => readFileSync('/proc/self/maps', 'utf8').includes(file);

if (isMainThread) await main();
else worker();

async function main(): Promise<void> {
  const types = Array.from({ length: 32 }, () => 'int64_t' as const);
  const values = types.map((_, index) => (index % 2 ? -1 : 1) * (1000 + index));
  const web = createProvider('webapp');
  const integers = types.map((_, index) => web.addProbe(`take-n${index}x`, types));
  const strings = web.addProbe('strings', ['int', 'char *', 'json']);
  const narrow = web.addProbe('narrow', ['int8_t']);
  const before = web.status.state;
  const status = web.enable();
  if (status.state !== 'active') throw new Error(JSON.stringify(status));

  const all = [...integers, strings, narrow];
  const idle = all.map((probe) => probe.enabled);
  for (const [index, probe] of integers.entries()) patch(probe, take(index));
  patch(strings, take(1));
  patch(narrow, take(0));
  const traced = all.map((probe) => probe.enabled);
  const words = integers.map((probe) => {
    probe.fire(...values);
    return Number(seen(probe));
  });
  strings.fire(1, 'grüße, 世界', { a: 1 });
  const text = textAt(strings);
  let lazy = 0;
  narrow.fireLazy(() => [++lazy + 300]);
  const wrapped = Number(seen(narrow));
  for (const probe of all) patch(probe, NOP);
  const ended = all.map((probe) => probe.enabled);

  const fromWorker = await new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url)).once('message', resolve).once('error', reject);
  });
  const mappedOnce = mapped(status.file);
  web.disable();
  const mappedAfter = mapped(status.file);
  const again = web.enable();
  const same = again.state === 'active' && again.file === status.file;
  web.free();
  const { arch, version } = process;
  console.log(
    JSON.stringify({
      ...{ arch, version, file: status.file, tracepoint: status.tracepoint, before, after: web.status.state },
      ...{ values, words, text, lazy, wrapped, fromWorker, mappedOnce, mappedAfter, same },
      idle: idle.some(Boolean),
      traced: traced.every(Boolean),
      ended: ended.some(Boolean),
    }),
  );
}

/** Another thread has a frame of its own, and takes the way without the shortcut. */
function worker(): void {
  const web = createProvider('webworker', { probes: { start: ['int', 'char *'] } });
  web.enable();
  const { start } = web.probes;
  patch(start, take(1));
  start.fire(1, 'from a worker');
  parentPort!.postMessage(textAt(start));
  web.free();
}
