/**
 * The macro-assembler for x86-64, System V calling convention.
 * https://gitlab.com/x86-psABIs/x86-64-ABI: 3.2.2 (stack frame), 3.2.3 (parameter passing)
 *
 * A frame, as `enter` makes it:
 *     rbp + 8   return address
 *     rbp       caller's rbp
 *     rbp - 32  rbx, r12, r13, r14 (from the top down)
 *     below     locals, in index order; rsp, 16-byte aligned
 */

import type { Assembler, Register } from '../../asm/assembler.ts';
import { assemblerOn, CodeBuffer } from '../../asm/buffer.ts';
import {
  checkAddend,
  checkRange,
  checkSurvivor,
  checkWord,
  MAX_ARGUMENT_WORDS,
  paddingTo,
} from '../../asm/ranges.ts';
import type { TracepointEncoding } from '../../model/target.ts';
import { emitNarrowText } from '../x86/narrow.ts';
import { REG, x64 } from './encoding.ts';

const ROLE: Readonly<Record<Register, number>> = {
  a0: REG.rdi,
  a1: REG.rsi,
  a2: REG.rdx,
  a3: REG.rcx,
  a4: REG.r8,
  a5: REG.r9,
  s0: REG.rbx,
  s1: REG.r12,
  s2: REG.r13,
  s3: REG.r14,
  result: REG.rax,
};
const ARGUMENTS = [REG.rdi, REG.rsi, REG.rdx, REG.rcx, REG.r8, REG.r9] as const;
const SAVED = [REG.rbx, REG.r12, REG.r13, REG.r14] as const;
const SAVED_SIZE = SAVED.length * 8;
const MAX_LOCALS = 8;

/** LEA, MOV and FF-group instructions with a rip-relative operand: the displacement is their last field. */
const LEA_RIP_SIZE = 7;
const CALL_RIP_SIZE = 6;

interface Tracepoint {
  readonly bytes: readonly number[];
  /** Room for a probe of register arguments: keeps the tracepoint within a cache line, and stubs dense. */
  readonly stride: number;
}

// The nops are those that the kernel knows by their bytes: arch/x86/include/asm/nops.h
// https://github.com/torvalds/linux/blob/master/arch/x86/include/asm/nops.h
const TRACEPOINTS: Readonly<Record<TracepointEncoding, Tracepoint>> = {
  nop: { bytes: [0x90], stride: 8 },
  nop5: { bytes: [0x0f, 0x1f, 0x44, 0x00, 0x00], stride: 8 },
  'nop+nop10': { bytes: [0x90, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], stride: 16 },
};

/** INT3, for code that is never reached. */
const TRAP = 0xcc;
const WATCHED_SIZE = 4;
/** Bytes of `pop %r11`. */
const POP_R11_SIZE = 2;

export function createX64Assembler(): Assembler {
  const b = new CodeBuffer('lsb');
  let localCount = 0;
  /** Bytes of the locals, rounded up so that the stack is aligned. */
  let frame = 0;

  const local = (index: number): number => {
    checkRange('local word', index, 0, localCount - 1);
    return -SAVED_SIZE - frame + index * 8;
  };
  const align = (alignment: number, offset = 0): void =>
    b.fill8(TRAP, paddingTo(b.length, alignment, offset));

  return assemblerOn(b, align, {
    arch: 'x64',
    pointerSize: 8,

    enter(locals) {
      checkRange('locals', locals, 0, MAX_LOCALS);
      x64.push_r64(b, REG.rbp);
      x64.mov_r64_r64(b, REG.rbp, REG.rsp);
      for (const register of SAVED) x64.push_r64(b, register);
      localCount = locals;
      frame = (locals + (locals & 1)) * 8;
      if (frame > 0) x64.sub_r64_imm8(b, REG.rsp, frame);
    },
    leave() {
      x64.lea_m(b, REG.rsp, REG.rbp, -SAVED_SIZE);
      for (const register of [...SAVED].reverse()) x64.pop_r64(b, register);
      x64.pop_r64(b, REG.rbp);
      x64.ret(b);
    },
    ret: () => x64.ret(b),

    move: (to, from) => x64.mov_r64_r64(b, ROLE[to], ROLE[from]),
    immediate(to, value) {
      if (value === 0) x64.xor_r32_r32(b, ROLE[to], ROLE[to]);
      else x64.mov_r64_imm32(b, ROLE[to], value);
    },
    addImmediate: (to, value) => x64.lea_m(b, ROLE[to], ROLE[to], checkAddend(value)),
    addressOf: (to, label) => x64.lea_label(b, ROLE[to], label),
    addressAt: (to, displacement) => x64.lea_rip(b, ROLE[to], displacement - (b.length + LEA_RIP_SIZE)),
    addressOfLocal: (to, index) => x64.lea_m(b, ROLE[to], REG.rbp, local(index)),
    loadLocal: (to, index) => x64.mov_r64_m64(b, ROLE[to], REG.rbp, local(index)),
    storeLocal: (index, from) => x64.mov_m64_r64(b, REG.rbp, local(index), ROLE[from]),
    load: (to, base, displacement) => x64.mov_r64_m64(b, ROLE[to], ROLE[base], checkWord(displacement)),
    store: (base, displacement, from) => x64.mov_m64_r64(b, ROLE[base], checkWord(displacement), ROLE[from]),

    callIndirect: (displacement) => x64.call_rip(b, displacement - (b.length + CALL_RIP_SIZE)),
    jump: (to) => x64.jmp(b, to),
    branchIfNonZero32(register, to) {
      x64.test_r32_r32(b, ROLE[register], ROLE[register]);
      x64.jne(b, to);
    },
    branchIfNotEqual(left, right, to) {
      x64.cmp_r64_r64(b, ROLE[left], ROLE[right]);
      x64.jne(b, to);
    },

    narrowText: (wide) => emitNarrowText(b, REG.rdi, REG.rsi, wide),

    callFrame(base, layout) {
      checkSurvivor(base);
      const from = ROLE[base];
      const even = b.label();
      const next = b.label();
      const done = b.label();
      // An odd number of words would leave the stack misaligned at the call.
      x64.mov_r64_m64(b, REG.rax, from, layout.stackCount);
      x64.test_al_imm8(b, 1);
      x64.je(b, even);
      x64.sub_r64_imm8(b, REG.rsp, 8);
      b.bind(even);
      b.bind(next);
      x64.test_r64_r64(b, REG.rax, REG.rax);
      x64.je(b, done);
      x64.push_m64x8(b, from, REG.rax, layout.args + (ARGUMENTS.length - 1) * 8);
      x64.dec_r64(b, REG.rax);
      x64.jmp(b, next);
      b.bind(done);
      for (const [index, register] of ARGUMENTS.entries()) {
        x64.mov_r64_m64(b, register, from, layout.args + index * 8);
      }
      // rax is 0 here: no vector registers, should the function be variadic.
      x64.call_m64(b, from, layout.target);
      x64.mov_m64_r64(b, from, layout.result, REG.rax);
      x64.lea_m(b, REG.rsp, REG.rbp, -SAVED_SIZE - frame);
    },

    probe(argc, tracepoint, result = { entry: 0, site: 0, end: 0 }) {
      checkRange('arguments', argc, 0, MAX_ARGUMENT_WORDS);
      const { bytes, stride } = TRACEPOINTS[tracepoint];
      const onStack = argc > ARGUMENTS.length;
      align(stride, onStack ? POP_R11_SIZE : 0);
      const entry = b.length;
      // The return address would stand above the stack arguments.
      if (onStack) x64.pop_r64(b, REG.r11);
      const site = b.length;
      b.putBytes(bytes);
      if (onStack) x64.push_r64(b, REG.r11);
      x64.ret(b);
      const end = b.length;
      // The word at the site is watched; one behind the last probe must be readable too.
      b.fill8(TRAP, Math.max(0, site + WATCHED_SIZE - end));
      result.entry = entry;
      result.site = site;
      result.end = end;
      return result;
    },
  });
}
