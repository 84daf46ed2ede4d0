/** Memory that is gone when its user is done. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { archNamed } from '../../src/arch/index.ts';
import type { Engine } from '../../src/hosts/host.ts';
import { openPassingEngine } from '../../src/platform/loading.ts';
import { withMappedMemory } from '../../src/platform/mapped-memory.ts';
import { isProblem } from '../../src/runtime/reasons.ts';

const skip = process.platform === 'linux' ? false : 'images are mapped on Linux only';
const LARGE = 1_000_003;

function openEngine(): Engine {
  const engine = openPassingEngine(archNamed(process.arch)!, 'elf');
  if (isProblem(engine)) throw new Error(engine.detail);
  return engine;
}

/** The line of an address in /proc/self/maps. */
function mapping(address: bigint): string | undefined {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .find((line) => {
      const [start, end] =
        /^([0-9a-f]+)-([0-9a-f]+)/
          .exec(line)
          ?.slice(1)
          .map((digits) => BigInt(`0x${digits}`)) ?? [];
      return start !== undefined && start <= address && address < end!;
    });
}

/** An engine that writes down which memory it was asked to show. */
function watched(engine: Engine, view = engine.view): { readonly engine: Engine; readonly seen: bigint[] } {
  const seen: bigint[] = [];
  return {
    seen,
    engine: {
      ...engine,
      view(address, length) {
        seen.push(address);
        return view(address, length);
      },
    },
  };
}

test('a large piece is zeroed, can be written to, and is unmapped in the end', { skip }, () => {
  const { engine, seen } = watched(openEngine());
  const result = withMappedMemory(engine, (allocate) => {
    const bytes = allocate(LARGE);
    assert.equal(bytes.length, LARGE);
    assert.ok(bytes.every((byte) => byte === 0));
    bytes.fill(7);
    assert.match(mapping(seen[0]!)!, /rw-p/);
    return bytes.reduce((sum, byte) => sum + byte, 0);
  });
  assert.equal(result, 7 * LARGE);
  assert.equal(seen.length, 1);
  assert.equal(mapping(seen[0]!), undefined);
});

test('it is unmapped after an error too', { skip }, () => {
  const { engine, seen } = watched(openEngine());
  assert.throws(() =>
    withMappedMemory(engine, (allocate) => {
      allocate(LARGE);
      throw new Error('full');
    }),
  );
  assert.equal(mapping(seen[0]!), undefined);
});

test('a small piece is memory of the runtime', { skip }, () => {
  const { engine, seen } = watched(openEngine());
  assert.equal(withMappedMemory(engine, (allocate) => allocate(5000)).length, 5000);
  assert.deepEqual(seen, []);
});

test('so is a large one where the runtime gives no view of foreign memory, or the kernel no memory', {
  skip,
}, () => {
  const blind = watched(openEngine(), () => undefined);
  assert.equal(withMappedMemory(blind.engine, (allocate) => allocate(LARGE)).length, LARGE);
  assert.equal(mapping(blind.seen[0]!), undefined);
  const engine = openEngine();
  const poor: Engine = {
    ...engine,
    call: (address, ...args) => (args.length > 2 ? 0xffff_ffff_ffff_ffffn : engine.call(address, ...args)),
  };
  assert.equal(withMappedMemory(poor, (allocate) => allocate(LARGE)).length, LARGE);
});
