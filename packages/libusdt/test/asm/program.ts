/**
 * Code that uses every operation of the assembler, and tables (C source) of what each piece of it must do.
 * harness.c runs the one and checks the other.
 *
 * The code lies between two pages of data, one DATA bytes behind its start, one DATA bytes before it. The harness
 * fills word i of both with PATTERN + i before each call, but for the last word: the address of its spy, a function
 * that notes what it is called with.
 */

import type { FrameLayout } from '../../src/abi/frame-layout.ts';
import { createAssembler } from '../../src/arch/assemblers.ts';
import type { Assembler, Register } from '../../src/asm/assembler.ts';
import { tracepointsOf } from '../../src/image/tracepoint.ts';
import type { Arch, TracepointEncoding } from '../../src/model/target.ts';

const DATA = 0x10000;
const LAST_WORD = 4088;
const PATTERN = 0x8765_4321_0000_0000n;
/** The spy's return value. */
const SPIED = 0x1234_5678_9abc_def0n;
/** Not the engine's: the assembler must not know where the words of a frame are. */
const LAYOUT = { result: 0, target: 24, stackCount: 8, args: 40 } as const satisfies FrameLayout;

const ARGUMENTS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'] as const satisfies readonly Register[];
const SAVED = ['s0', 's1', 's2', 's3'] as const satisfies readonly Register[];
const ALL = [...ARGUMENTS, ...SAVED, 'result'] as const satisfies readonly Register[];

/** Of a register: so much of a word is passed and returned. */
const BITS: Readonly<Record<Arch, 32 | 64>> = { x64: 64, arm64: 64, i386: 32 };

/** What the harness passes where a case does not say. */
const argument = (index: number): bigint => 0xa5a5_0000_1111_0000n + BigInt(index);
const DEFAULTS = ARGUMENTS.map((_, index) => argument(index));

/** 'value': the function returns it; 'address': it returns the code's address plus it; number: that word of the data behind the code. */
type Kind = 'value' | 'address' | number;

interface Case {
  readonly name: string;
  readonly entry: number;
  readonly args: readonly bigint[];
  readonly kind: Kind;
  readonly expected: bigint;
}

/** C source: the code, and the tables of what to expect of it. */
export function writeProgram(arch: Arch): string {
  const asm = createAssembler(arch);
  const narrow = (value: bigint): bigint => BigInt.asUintN(BITS[arch], value);
  const cases: Case[] = [];
  const begin = (): number => {
    asm.align(16);
    return asm.position;
  };
  /** A function, and what it returns for some arguments. */
  const expect = (
    name: string,
    body: () => void,
    ...calls: readonly { kind?: Kind; args?: readonly bigint[]; expected: bigint }[]
  ): void => {
    const entry = begin();
    body();
    for (const { kind = 'value', args = DEFAULTS, expected } of calls) {
      cases.push({ name, entry, kind, args, expected });
    }
  };

  writeRegisters(asm, expect);
  writeMemory(asm, expect);
  writeBranches(asm, expect);

  const frames = SAVED.flatMap((base) =>
    [0, 1, 2, 3, 8].map((locals) => ({ entry: begin(), locals, body: writeFrameCall(asm, base, locals) })),
  );
  const thrice = begin();
  writeThrice(asm);
  const indirect = [DATA, -DATA].map((page) => {
    const entry = begin();
    asm.enter(1);
    asm.callIndirect(page + LAST_WORD);
    asm.leave();
    return entry;
  });
  const encodings: readonly TracepointEncoding[] = [...new Set(tracepointsOf(arch))];
  const narrowing = begin();
  writeNarrow(asm);
  const probes = encodings.flatMap((encoding) =>
    Array.from({ length: 33 }, (_, argc) => ({ argc, encoding, ...asm.probe(argc, encoding) })),
  );
  asm.align(64);

  return [
    `static const unsigned char bytes[] = {${asm.finish().join()}};`,
    `#define DATA ${DATA}`,
    `#define PATTERN ${c(PATTERN)}`,
    `#define SPIED ${c(narrow(SPIED))}`,
    `#define FRAME_RESULT ${LAYOUT.result / 8}`,
    `#define FRAME_TARGET ${LAYOUT.target / 8}`,
    `#define FRAME_STACK_COUNT ${LAYOUT.stackCount / 8}`,
    `#define FRAME_ARGS ${LAYOUT.args / 8}`,
    `#define THRICE ${thrice}`,
    `#define NARROW ${narrowing}`,
    table(
      'cases',
      cases.map(({ name, entry, args, kind, expected }) => [
        JSON.stringify(name),
        entry,
        kind === 'value' ? -1 : kind === 'address' ? -2 : kind,
        `{${args.map(narrow).map(c).join()}}`,
        c(narrow(expected)),
      ]),
    ),
    table(
      'frames',
      frames.map(({ entry, locals }) => [entry, locals]),
    ),
    table(
      'indirect',
      indirect.map((entry) => [entry]),
    ),
    table(
      'probes',
      // Where execution goes on after the first instruction of the tracepoint.
      probes.map(({ argc, encoding, entry, site }) => [
        argc,
        entry,
        site,
        site + (arch === 'arm64' ? 4 : encoding === 'nop5' ? 5 : 1),
      ]),
    ),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

type Expect = (
  name: string,
  body: () => void,
  ...calls: readonly { kind?: Kind; args?: readonly bigint[]; expected: bigint }[]
) => void;

function writeRegisters(asm: Assembler, expect: Expect): void {
  for (const [index, register] of ARGUMENTS.entries()) {
    expect(
      `${register} is the argument`,
      () => {
        asm.move('result', register);
        asm.ret();
      },
      { expected: argument(index) },
    );
  }
  for (const saved of SAVED) {
    expect(
      `${saved} survives a call`,
      () => {
        asm.enter(0);
        asm.move(saved, 'a3');
        asm.callIndirect(DATA + LAST_WORD);
        asm.move('result', saved);
        asm.leave();
      },
      { expected: argument(3) },
    );
  }
  const values = [0, 1, -1, 2, 0x7fff, 0x8000, 0xffff, 0x10000, 0x12345678, 0x7fff0000, 0x7fffffff];
  for (const value of values.flatMap((value) => [value, ~value])) {
    for (const register of ['result', 'a5', 's3'] as const) {
      expect(
        `immediate ${value} in ${register}`,
        () => {
          asm.enter(0);
          asm.immediate(register, value);
          asm.move('result', register);
          asm.leave();
        },
        { expected: BigInt(value) },
      );
    }
  }
  for (const value of [0, 1, -1, 8, 127, 128, -128, -129, 4095, -4095]) {
    for (const register of ['result', 'a0', 's2', 's3'] as const) {
      expect(
        `${register} plus ${value}`,
        () => {
          asm.enter(0);
          asm.immediate(register, 70_000);
          asm.addImmediate(register, value);
          asm.move('result', register);
          asm.leave();
        },
        { expected: BigInt(70_000 + value) },
      );
    }
  }
  expect(
    'an address plus something keeps all its bits',
    () => {
      asm.enter(0);
      asm.addressAt('s2', DATA);
      asm.addImmediate('s2', asm.pointerSize);
      asm.move('result', 's2');
      asm.leave();
    },
    { kind: 'address', expected: BigInt(DATA + asm.pointerSize) },
  );
  // All at once: they are different registers (but for result, which may be a0).
  const nine = [...ARGUMENTS.slice(0, 5), ...SAVED] as const;
  expect(
    'nine registers hold nine values',
    () => {
      asm.enter(0);
      for (const [index, register] of nine.entries()) asm.immediate(register, -index);
      asm.addressAt('a5', DATA);
      for (const [index, register] of nine.entries()) asm.store('a5', index * 8, register);
      asm.leave();
    },
    ...nine.map((_, index) => ({ kind: index, expected: BigInt(-index) })),
  );
}

function writeMemory(asm: Assembler, expect: Expect): void {
  for (const displacement of [0, 1, -1, 4096, DATA, -DATA, 0xf0000, -0xf0000]) {
    expect(
      `addressAt ${displacement}`,
      () => {
        asm.addressAt('result', displacement);
        asm.ret();
      },
      { kind: 'address', expected: BigInt(displacement) },
    );
  }
  const behind = asm.label();
  asm.align(16);
  asm.bind(behind);
  const ahead = asm.label();
  expect(
    'addressOf a label behind',
    () => {
      asm.addressOf('result', behind);
      asm.ret();
    },
    { kind: 'address', expected: BigInt(behind.offset) },
  );
  const entry = (): void => {
    asm.addressOf('result', ahead);
    asm.ret();
  };
  // The label is bound right after the function: its offset is known when the function is written.
  const size = (() => {
    const probe = createAssembler(asm.arch);
    const label = probe.label();
    probe.addressOf('result', label);
    probe.ret();
    return probe.position;
  })();
  asm.align(16);
  expect('addressOf a label ahead', entry, { kind: 'address', expected: BigInt(asm.position + size) });
  asm.bind(ahead);

  for (const [page, at, word] of [
    [DATA, 0, 0],
    [DATA, 8, 1],
    [DATA, 120, 15],
    [DATA, 128, 16],
    [DATA, 4080, 510],
    [-DATA, 248, 31],
    [-DATA, 256, 32],
  ] as const) {
    expect(
      `load ${at}`,
      () => {
        asm.addressAt('a5', page);
        asm.load('result', 'a5', at);
        asm.ret();
      },
      { expected: PATTERN + BigInt(word) },
    );
  }
  for (const base of ALL) {
    const value = base === 'a1' ? 'a2' : 'a1';
    expect(
      `store and load through ${base}`,
      () => {
        asm.enter(0);
        asm.addressAt(base, DATA);
        asm.store(base, 4080, value);
        asm.load(base, base, 4080);
        asm.move('result', base);
        asm.leave();
      },
      { expected: argument(value === 'a1' ? 1 : 2) },
      { kind: 510, expected: argument(value === 'a1' ? 1 : 2) },
      { kind: 509, expected: PATTERN + 509n },
    );
  }
  for (let locals = 1; locals <= 8; locals++) {
    const words = Array.from({ length: locals }, (_, index) => index);
    expect(
      `${locals} locals survive a call`,
      () => {
        asm.enter(locals);
        for (const index of words) {
          asm.immediate('a0', 100 + index);
          asm.addressOfLocal('a1', index);
          // Both ways of writing: through the address, and directly.
          if (index % 2 === 0) asm.store('a1', 0, 'a0');
          else asm.storeLocal(index, 'a0');
        }
        asm.callIndirect(DATA + LAST_WORD);
        asm.addressAt('a2', DATA);
        for (const index of words) {
          asm.loadLocal('a0', index);
          asm.store('a2', index * 8, 'a0');
        }
        // Locals are words that follow each other.
        asm.addressOfLocal('a1', 0);
        asm.load('result', 'a1', (locals - 1) * 8);
        asm.leave();
      },
      ...words.map((index) => ({ kind: index, expected: BigInt(100 + index) })),
      { expected: BigInt(100 + locals - 1) },
    );
  }
}

function writeBranches(asm: Assembler, expect: Expect): void {
  /** Returns 1 if the branch is taken, 2 if not. */
  const decide = (branch: (to: ReturnType<Assembler['label']>) => void): void => {
    const taken = asm.label();
    branch(taken);
    asm.immediate('result', 2);
    asm.ret();
    asm.bind(taken);
    asm.immediate('result', 1);
    asm.ret();
  };
  const high = 1n << 32n;
  expect(
    'branchIfNonZero32',
    () => decide((to) => asm.branchIfNonZero32('a4', to)),
    ...[0n, high, high << 31n].map((a4) => ({ args: [1n, 1n, 1n, 1n, a4, 1n], expected: 2n })),
    ...[1n, 0x8000_0000n, 0xffff_ffffn, 0x100n, high + 1n].map((a4) => ({
      args: [0n, 0n, 0n, 0n, a4, 0n],
      expected: 1n,
    })),
  );
  expect(
    'branchIfNotEqual',
    () => decide((to) => asm.branchIfNotEqual('a0', 'a5', to)),
    ...[
      [0n, 0n],
      [1n, 1n],
      [high, high],
      [-1n, -1n],
      [0n, 1n],
      [0n, high],
      [high << 31n, 0n],
      [-1n, 0xffff_ffffn],
      [5n, 6n],
    ].map(([a, b]) => {
      const same = BigInt.asUintN(BITS[asm.arch], a! ^ b!) === 0n;
      return { args: [a!, 3n, 3n, 3n, 3n, b!], expected: same ? 2n : 1n };
    }),
  );
  expect(
    'jumps, on and back',
    () => {
      const [back, on] = [asm.label(), asm.label()];
      asm.jump(on);
      asm.bind(back);
      asm.move('result', 'a2');
      asm.ret();
      asm.bind(on);
      asm.jump(back);
    },
    { expected: argument(2) },
  );
}

/** (frame, marker) -> marker, out of the last local; the frame where there are no locals. */
function writeFrameCall(asm: Assembler, base: Register, locals: number): void {
  asm.enter(locals);
  asm.move(base, 'a0');
  for (let index = 0; index < locals; index++) asm.storeLocal(index, 'a1');
  asm.callFrame(base, LAYOUT);
  if (locals === 0) asm.move('result', base);
  else asm.loadLocal('result', locals - 1);
  asm.leave();
}

/** (frame): spy, the frame's target twice, spy. The stack pointer is the same for both spies. */
function writeThrice(asm: Assembler): void {
  asm.enter(3);
  asm.move('s1', 'a0');
  asm.callIndirect(DATA + LAST_WORD);
  asm.callFrame('s1', LAYOUT);
  asm.callFrame('s1', LAYOUT);
  asm.callIndirect(DATA + LAST_WORD);
  asm.leave();
}

/** (text, length): 0 if the text was ASCII, and is bytes now; else 1. */
function writeNarrow(asm: Assembler): void {
  const wide = asm.label();
  asm.enter(0);
  asm.narrowText(wide);
  asm.immediate('result', 0);
  asm.leave();
  asm.bind(wide);
  asm.immediate('result', 1);
  asm.leave();
}

function c(value: bigint): string {
  return `0x${BigInt.asUintN(64, value).toString(16)}u`;
}

function table(name: string, rows: readonly (readonly (string | number)[])[]): string {
  return `static const struct ${name} ${name}[] = {\n${rows.map((row) => `  {${row.join(', ')}},`).join('\n')}\n};`;
}
