import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { needs } from '../../../../test/support/needs.ts';
import { createAssembler } from '../../src/arch/assemblers.ts';
import type { Assembler, Register } from '../../src/asm/assembler.ts';
import type { Arch, TracepointEncoding } from '../../src/model/target.ts';
import { ARCHS, disassemble, disassembler, hex } from './support.ts';

const REGISTERS: readonly Register[] = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 's0', 's1', 's2', 's3', 'result'];
const LAYOUT = { target: 0, stackCount: 8, args: 16, result: 512 };

/** Instructions as large as a byte on x86, a word on arm64. */
const STEP: Readonly<Record<Arch, number>> = { x64: 1, arm64: 4, i386: 1 };
const TRAP: Readonly<Record<Arch, string>> = { x64: 'cc', arm64: '00 00 20 d4', i386: 'cc' };
/** How far `addressAt` reaches, from where it stands. */
const REACH: Readonly<Record<Arch, number>> = { x64: 2 ** 31, arm64: 2 ** 20, i386: 2 ** 31 };

const TRACEPOINTS: Readonly<Record<Arch, readonly TracepointEncoding[]>> = {
  x64: ['nop', 'nop5', 'nop+nop10'],
  arm64: ['nop'],
  i386: ['nop'],
};

const TRACEPOINT_BYTES: Readonly<Record<Arch, Partial<Record<TracepointEncoding, string>>>> = {
  x64: { nop: '90', nop5: '0f 1f 44 00 00', 'nop+nop10': '90 66 2e 0f 1f 84 00 00 00 00 00' },
  arm64: { nop: '1f 20 03 d5' },
  i386: { nop: '90' },
};

/** Around the tracepoint: what takes the return address away from above stack arguments, and puts it back; the return. */
const AROUND: Readonly<Record<Arch, { readonly [key in 'take' | 'put' | 'ret']: string }>> = {
  x64: { take: '41 5b ', put: ' 41 53', ret: ' c3' },
  arm64: { take: '', put: '', ret: ' c0 03 5f d6' },
  i386: { take: '59 ', put: ' 51', ret: ' c3' },
};
/** Arguments that are passed in registers. */
const IN_REGISTERS: Readonly<Record<Arch, number>> = { x64: 6, arm64: 8, i386: 0 };

function assemble(arch: Arch, write: (asm: Assembler) => void): Uint8Array {
  const asm = createAssembler(arch);
  write(asm);
  return asm.finish();
}

for (const arch of ARCHS) {
  const step = STEP[arch];

  describe(`the ${arch} assembler`, () => {
    test('is what createAssembler gives', () => {
      assert.equal(createAssembler(arch).arch, arch);
    });

    test('tells the position of what it writes next', () => {
      const asm = createAssembler(arch);
      assert.equal(asm.position, 0);
      asm.move('a0', 'a1');
      assert.equal(asm.position, asm.finish().length);
    });

    describe('labels', () => {
      test('lead to where they are bound, before and behind', needs(disassembler(arch)), () => {
        fc.assert(
          fc.property(fc.nat(40), fc.nat(40), (before, between) => {
            let target = 0;
            const code = assemble(arch, (asm) => {
              const ahead = asm.label();
              const behind = asm.label();
              for (let count = 0; count < before; count++) asm.ret();
              asm.bind(behind);
              asm.jump(ahead);
              for (let count = 0; count < between; count++) asm.ret();
              asm.jump(behind);
              asm.bind(ahead);
              target = asm.position;
            });
            const [read] = disassemble(arch, [code]);
            const jump = arch === 'arm64' ? 'b' : 'jmp';
            assert.equal(read![before], `${jump} 0x${target.toString(16)}`);
            assert.equal(read!.at(-1), `${jump} 0x${(before * step).toString(16)}`);
          }),
          { numRuns: 10 },
        );
      });

      test('are bound once', () => {
        const asm = createAssembler(arch);
        const label = asm.label();
        assert.equal(label.offset, -1);
        asm.ret();
        asm.bind(label);
        assert.equal(label.offset, step);
        assert.throws(() => asm.bind(label), TypeError);
      });

      test('that are used must be bound', () => {
        const uses: readonly ((asm: Assembler) => void)[] = [
          (asm) => asm.jump(asm.label()),
          (asm) => asm.branchIfNonZero32('a0', asm.label()),
          (asm) => asm.branchIfNotEqual('a0', 'a1', asm.label()),
          (asm) => asm.addressOf('a0', asm.label()),
          (asm) => asm.narrowText(asm.label()),
        ];
        for (const use of uses) assert.throws(() => assemble(arch, use), /never bound/);
        assemble(arch, (asm) => asm.label());
      });
    });

    test('finishes without changing what was written', () => {
      const asm = createAssembler(arch);
      const end = asm.label();
      asm.jump(end);
      asm.bind(end);
      const first = asm.finish();
      asm.ret();
      assert.deepEqual(asm.finish().subarray(0, first.length), first);
    });

    describe('align', () => {
      const aligned = fc.record({
        before: fc.nat(100),
        alignment: fc.integer({ min: 0, max: 8 }).map((bits) => 2 ** bits),
        offset: fc.nat(80).map((count) => count * step),
      });

      test('fills with traps, and with no more of them than it must', () => {
        fc.assert(
          fc.property(aligned, ({ before, alignment, offset }) => {
            const asm = createAssembler(arch);
            for (let count = 0; count < before; count++) asm.ret();
            const start = asm.position;
            asm.align(alignment, offset);
            assert.equal((asm.position + offset) % alignment, 0);
            const padding = asm.finish().subarray(start);
            assert.ok(padding.length < alignment, `${padding.length} bytes`);
            assert.equal(
              hex(padding),
              Array(padding.length / step)
                .fill(TRAP[arch])
                .join(' '),
            );
          }),
        );
      });

      test('refuses what no address can be', () => {
        for (const alignment of [0, -1, 3, 48, 1.5, Number.NaN, Infinity]) {
          assert.throws(() => assemble(arch, (asm) => asm.align(alignment)), RangeError, `${alignment}`);
        }
        for (const offset of [-1, 0.5, Number.NaN]) {
          assert.throws(() => assemble(arch, (asm) => asm.align(16, offset)), RangeError, `${offset}`);
        }
      });
    });

    describe('operands', () => {
      const displacement = fc.integer({ min: -1000, max: 1000 });

      test('displacements do not change the size of the code', () => {
        const code = (at: number): Uint8Array =>
          assemble(arch, (asm) => {
            for (const register of REGISTERS) asm.addressAt(register, at);
            asm.callIndirect(at);
          });
        const size = code(0).length;
        const far = REACH[arch] - 200;
        fc.assert(
          fc.property(fc.oneof(displacement, fc.integer({ min: -far, max: far })), (at) => {
            assert.equal(code(at).length, size);
          }),
        );
      });

      test('displacements beyond the reach are refused', () => {
        for (const use of ['addressAt', 'callIndirect'] as const) {
          const emit = (at: number) => () =>
            assemble(arch, (asm) => (use === 'addressAt' ? asm.addressAt('a0', at) : asm.callIndirect(at)));
          emit(REACH[arch] - 1)();
          emit(-REACH[arch] + 16)();
          assert.throws(emit(REACH[arch] + 16), RangeError);
          assert.throws(emit(-REACH[arch] - 16), RangeError);
          assert.throws(emit(0.5), RangeError);
          assert.throws(emit(Number.NaN), RangeError);
        }
      });

      test('immediates are 32 bits wide', () => {
        fc.assert(
          fc.property(fc.constantFrom(...REGISTERS), fc.integer(), (to, value) => {
            assemble(arch, (asm) => asm.immediate(to, value));
          }),
        );
        for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, Infinity]) {
          assert.throws(() => assemble(arch, (asm) => asm.immediate('a0', value)), RangeError, `${value}`);
        }
      });

      test('what is added has 12 bits and a sign', () => {
        for (const value of [0, 4095, -4095]) assemble(arch, (asm) => asm.addImmediate('s0', value));
        for (const value of [4096, -4096, 0.5, Number.NaN]) {
          assert.throws(() => assemble(arch, (asm) => asm.addImmediate('s0', value)), RangeError, `${value}`);
        }
      });

      test('words lie at multiples of 8 up to 4088', () => {
        fc.assert(
          fc.property(fc.integer({ min: -100, max: 5000 }), (at) => {
            const good = at >= 0 && at <= 4088 && at % 8 === 0;
            for (const use of [
              () => assemble(arch, (asm) => asm.load('a0', 's0', at)),
              () => assemble(arch, (asm) => asm.store('s0', at, 'a0')),
            ]) {
              if (good) use();
              else assert.throws(use, RangeError, `${at}`);
            }
          }),
        );
      });

      test('locals are those that were reserved', () => {
        for (let locals = 0; locals <= 8; locals++) {
          for (let index = -1; index <= 9; index++) {
            const uses: readonly ((asm: Assembler) => void)[] = [
              (asm) => asm.loadLocal('a0', index),
              (asm) => asm.storeLocal(index, 'a0'),
              (asm) => asm.addressOfLocal('a0', index),
            ];
            for (const use of uses) {
              const attempt = () =>
                assemble(arch, (asm) => {
                  asm.enter(locals);
                  use(asm);
                });
              if (index >= 0 && index < locals) attempt();
              else assert.throws(attempt, RangeError, `${index} of ${locals}`);
            }
          }
        }
        for (const locals of [-1, 9, 1.5, Number.NaN]) {
          assert.throws(() => assemble(arch, (asm) => asm.enter(locals)), RangeError, `${locals}`);
        }
        assert.throws(() => assemble(arch, (asm) => asm.loadLocal('a0', 0)), RangeError);
      });

      test('a frame is called through a register that survives', () => {
        for (const base of REGISTERS) {
          const attempt = () =>
            assemble(arch, (asm) => {
              asm.enter(0);
              asm.callFrame(base, LAYOUT);
            });
          if (/^s/.test(base)) attempt();
          else assert.throws(attempt, RangeError, base);
        }
      });
    });

    describe('probes', () => {
      const tracepoint = fc.constantFrom(...TRACEPOINTS[arch]);
      const argc = fc.integer({ min: 0, max: 32 });

      test('stand as tracers and watchers want them, wherever they start', () => {
        fc.assert(
          fc.property(
            fc.nat(70),
            fc.array(argc, { minLength: 1 }),
            tracepoint,
            (before, counts, encoding) => {
              const asm = createAssembler(arch);
              for (let count = 0; count < before; count++) asm.ret();
              let last = asm.position;
              const probes = counts.map((count) => ({ count, ...asm.probe(count, encoding) }));
              const code = asm.finish();
              const nop = TRACEPOINT_BYTES[arch][encoding]!;
              const size = nop.split(' ').length;
              for (const { count, entry, site, end } of probes) {
                assert.ok(entry >= last, 'no probe begins within another');
                assert.equal(site % 4, 0);
                assert.equal(Math.floor(site / 64), Math.floor((site + size - 1) / 64), 'one cache line');
                assert.ok(site + 4 <= code.length, 'a whole word can be watched');
                const body = hex(code.subarray(entry, end));
                const { take, put, ret } = AROUND[arch];
                const onStack = count > IN_REGISTERS[arch];
                assert.equal(body, onStack ? `${take}${nop}${put}${ret}` : `${nop}${ret}`);
                assert.equal(site - entry, onStack ? take.length / 3 : 0);
                last = end;
              }
            },
          ),
        );
      });

      test('with arguments in registers lie densely', () => {
        fc.assert(
          fc.property(tracepoint, fc.integer({ min: 1, max: 100 }), (encoding, count) => {
            const asm = createAssembler(arch);
            const entries = Array.from(
              { length: count },
              () => asm.probe(IN_REGISTERS[arch], encoding).entry,
            );
            const stride = encoding === 'nop+nop10' ? 16 : 8;
            assert.deepEqual(
              entries,
              entries.map((_, index) => index * stride),
            );
          }),
        );
      });

      test('that are repeated are those that would have been made one by one', () => {
        fc.assert(
          fc.property(fc.nat(70), argc, fc.nat(20), tracepoint, (before, count, more, encoding) => {
            const [repeated, single] = [false, true].map((oneByOne) =>
              assemble(arch, (asm) => {
                for (let ret = 0; ret < before; ret++) asm.ret();
                asm.probe(count, encoding);
                const start = asm.position;
                asm.probe(count, encoding);
                if (!oneByOne) asm.repeat(asm.position - start, more);
                else for (let made = 0; made < more; made++) asm.probe(count, encoding);
              }),
            );
            assert.deepEqual(repeated, single);
          }),
        );
      });

      test('refuse argument counts that are none', () => {
        for (const count of [-1, 0.5, Number.NaN, Infinity]) {
          assert.throws(() => assemble(arch, (asm) => asm.probe(count, 'nop')), RangeError, `${count}`);
        }
      });

      test('are built in time that grows with their number, not its square', () => {
        // The bound is generous: a hundred thousand take some tens of milliseconds.
        const start = performance.now();
        const asm = createAssembler(arch);
        for (let index = 0; index < 100_000; index++) asm.probe(index % 12, 'nop');
        asm.finish();
        assert.ok(performance.now() - start < 10_000);
      });
    });
  });
}

test('arm64 and i386 have one tracepoint encoding', () => {
  for (const arch of ['arm64', 'i386'] as const) {
    for (const encoding of ['nop5', 'nop+nop10'] as const) {
      assert.throws(() => assemble(arch, (asm) => asm.probe(0, encoding)), RangeError);
    }
  }
});

test('arm64 code is made of words: an alignment that is not is refused', () => {
  assert.throws(() => assemble('arm64', (asm) => asm.align(8, 2)), RangeError);
});
