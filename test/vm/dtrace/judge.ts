/**
 * Runs in the machine: hands documents to dtprobed and prints, for each, what our validator says of it, whether it was
 * taken, and the probes that are then there.
 */
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { DofDocument } from '../../../packages/libusdt/src/dof/document.ts';
import { encodeDof } from '../../../packages/libusdt/src/dof/encode.ts';
import { validateDof } from '../../../packages/libusdt/src/dof/validate.ts';
import { buildEngine } from '../../../packages/libusdt/src/hosts/napi/code.ts';
import { loadEngine } from '../../../packages/libusdt/src/hosts/napi/engine.ts';
import { HELPER_DEVICE } from '../../../packages/libusdt/src/platform/dtrace/device.ts';
import { encodeDofHelper } from '../../../packages/libusdt/src/platform/dtrace/helper.ts';
import { DTRACEHIOC_ADDDOF, DTRACEHIOC_REMOVE } from '../../../packages/libusdt/src/platform/dtrace/linux.ts';
import { openLibc } from '../../../packages/libusdt/src/platform/libc.ts';
import { BREACHES, bytesFor } from '../../../packages/libusdt/test/dof/breaches.ts';
import { documents, encodeElsewhere, PLAIN } from '../../../packages/libusdt/test/dof/definitions.ts';

const folder = mkdtempSync(join(tmpdir(), 'judge-'));
const file = join(folder, 'engine.so');
writeFileSync(file, buildEngine('x64').bytes, { mode: 0o755 });
const engine = loadEngine(file, 'x64');
const libc = openLibc(engine);
const [open, mmap, munmap] = ['open', 'mmap', 'munmap'].map((name) => engine.symbol(name));

// <sys/mman.h>
const PROT_READ = 1;
const MAP_PRIVATE = 2;
const PAGE = 4096;

let count = 0;

/** Maps bytes from a file of their own, and takes care that what is behind them is zero. */
function map(bytes: Uint8Array): { address: bigint; size: number } {
  const path = join(folder, `document-${count++}`);
  const size = Math.ceil(bytes.length / PAGE) * PAGE;
  const whole = new Uint8Array(size);
  whole.set(bytes);
  writeFileSync(path, whole);
  const descriptor = Number(engine.call(open!, path, 0));
  const address = engine.call(mmap!, 0n, size, PROT_READ, MAP_PRIVATE, descriptor, 0n);
  libc.close(descriptor);
  return { address, size };
}

/** Those of this process, as the daemon shows them: names may be any bytes. */
function probesThere(): string[] {
  const below = (path: string, depth: number): string[] => {
    if (depth === 0) return [''];
    const names = readdirSync(Buffer.from(path, 'latin1'), 'latin1');
    return names.flatMap((name) => below(`${path}/${name}`, depth - 1).map((rest) => `:${name}${rest}`));
  };
  const root = `/run/dtrace/probes/${process.pid}`;
  if (!existsSync(root)) return [];
  return below(root, 4)
    .map((path) => path.slice(1))
    .sort();
}

interface Verdict {
  readonly what: string;
  readonly findings: readonly { readonly rule: string; readonly effect: string }[];
  /** The errno's name where it was refused. */
  readonly refused?: string;
  readonly probes: readonly string[];
  /** Those that are defined. */
  readonly wanted: readonly string[];
}

function judge(what: string, bytes: Uint8Array, module = 'app', document?: DofDocument): Verdict {
  const { address, size } = map(bytes);
  const findings = validateDof(bytes, 'linux', { module, address, documentAddress: address }).map(
    ({ rule, effect }) => ({ rule, effect }),
  );
  const helper = encodeDofHelper({ mod: module.slice(0, 63), addr: address, dof: address });
  const wanted = (document?.providers ?? []).flatMap((provider) =>
    provider.probes.map(
      (probe) => `${provider.name}${process.pid}:${module}:${probe.function}:${probe.name}`,
    ),
  );
  const device = libc.open(HELPER_DEVICE);
  try {
    const generation = libc.ioctl(device, DTRACEHIOC_ADDDOF, helper);
    const probes = probesThere();
    libc.ioctl(device, DTRACEHIOC_REMOVE, generation);
    return { what, findings, probes, wanted: wanted.sort() };
  } catch (error) {
    const refused = (error as { code?: string }).code ?? String(error);
    // After EFAULT the daemon refuses the next one, whatever it is.
    if (refused === 'EFAULT') {
      try {
        libc.ioctl(device, DTRACEHIOC_ADDDOF, helper);
      } catch {}
    }
    return { what, findings, refused, probes: probesThere(), wanted: wanted.sort() };
  } finally {
    libc.close(device);
    engine.call(munmap!, address, size);
  }
}

const verdicts: Verdict[] = [];
verdicts.push(judge('plain', encodeDof({ ...PLAIN, version: 3 }), 'app', PLAIN));
for (const breach of BREACHES) {
  const { rule, how, module, document = PLAIN } = breach;
  // Its length is in the structure, which has no room for more.
  if (rule === 'module-name') continue;
  verdicts.push(judge(`${rule}: ${how}`, bytesFor(breach, 'linux'), module ?? 'app', document));
}
const seed = 20_261_123;
for (const [index, document] of fc.sample(documents, { numRuns: 60, seed }).entries()) {
  const here = { ...document, encoding: 'LSB', version: 3 } as const;
  // Addresses that fit a process, whatever is added to them.
  const bytes = index % 2 === 0 ? encodeDof(here) : encodeElsewhere(here);
  verdicts.push(judge(`random ${index}`, bytes, 'app', here));
}
const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
const plain = encodeDof({ ...PLAIN, version: 3 });
for (const [index, changes] of fc.sample(damage, { numRuns: 150, seed }).entries()) {
  const bytes = plain.slice();
  for (const [at, value] of changes) bytes[at % bytes.length] = value;
  verdicts.push(judge(`damaged ${index}`, bytes));
}
console.log(JSON.stringify(verdicts));
