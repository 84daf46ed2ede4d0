/**
 * The macro-assembler for AArch64, the procedure call standard AAPCS64.
 * https://github.com/ARM-software/abi-aa/blob/main/aapcs64/aapcs64.rst: 6.1 (registers), 6.4 (stack), 6.8 (parameters)
 *
 * A frame, as `enter` makes it:
 *     x29 + 48  locals, in index order
 *     x29 + 16  x19, x20, x21, x22
 *     x29 + 8   return address (x30)
 *     x29       caller's x29; sp, 16-byte aligned
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
import { arm64, FP, SP } from './encoding.ts';

const LR = 30;
/** Intra-procedure-call scratch register: nobody expects it to survive a call. */
const IP0 = 16;

const ROLE: Readonly<Record<Register, number>> = {
  a0: 0,
  a1: 1,
  a2: 2,
  a3: 3,
  a4: 4,
  a5: 5,
  s0: 19,
  s1: 20,
  s2: 21,
  s3: 22,
  result: 0,
};
const ARGUMENT_REGISTERS = 8;
const SAVED = 16;
const LOCALS = 48;
const MAX_LOCALS = 8;
const PROBE_ALIGNMENT = 8;
const BREAK = arm64.brk(0);

export function createArm64Assembler(): Assembler {
  const b = new CodeBuffer('lsb');
  let localCount = 0;
  let frame = 0;

  const put = (...words: readonly number[]): void => {
    for (const word of words) b.put32(word);
  };
  const local = (index: number): number => {
    checkRange('local word', index, 0, localCount - 1);
    return LOCALS + index * 8;
  };
  const align = (alignment: number, offset = 0): void => {
    const padding = checkRange('padding', paddingTo(b.length, alignment, offset), 0, alignment, 4);
    for (let left = padding; left > 0; left -= 4) put(BREAK);
  };

  return assemblerOn(b, align, {
    arch: 'arm64',
    pointerSize: 8,

    enter(locals) {
      checkRange('locals', locals, 0, MAX_LOCALS);
      localCount = locals;
      frame = LOCALS + (locals + (locals & 1)) * 8;
      put(
        arm64.stp_pre(FP, LR, SP, -frame),
        arm64.mov_sp(FP, SP),
        arm64.stp(19, 20, SP, SAVED),
        arm64.stp(21, 22, SP, SAVED + 16),
      );
    },
    leave() {
      put(
        arm64.ldp(19, 20, SP, SAVED),
        arm64.ldp(21, 22, SP, SAVED + 16),
        arm64.ldp_post(FP, LR, SP, frame),
        arm64.ret(),
      );
    },
    ret: () => put(arm64.ret()),

    move: (to, from) => put(arm64.mov(ROLE[to], ROLE[from])),
    immediate(to, value) {
      checkRange('immediate', value, -0x8000_0000, 0x7fff_ffff);
      const high = (value >>> 16) & 0xffff;
      put(value < 0 ? arm64.movn(ROLE[to], ~value & 0xffff) : arm64.movz(ROLE[to], value & 0xffff));
      if (high !== (value < 0 ? 0xffff : 0)) put(arm64.movk16(ROLE[to], high));
    },
    addImmediate(to, value) {
      const add = checkAddend(value) < 0 ? arm64.sub_imm : arm64.add_imm;
      put(add(ROLE[to], ROLE[to], Math.abs(value)));
    },
    addressOf: (to, label) => b.putReference(label, (distance) => arm64.adr(ROLE[to], distance)),
    addressAt: (to, displacement) => put(arm64.adr(ROLE[to], displacement - b.length)),
    addressOfLocal: (to, index) => put(arm64.add_imm(ROLE[to], FP, local(index))),
    loadLocal: (to, index) => put(arm64.ldr(ROLE[to], FP, local(index))),
    storeLocal: (index, from) => put(arm64.str(ROLE[from], FP, local(index))),
    load: (to, base, displacement) => put(arm64.ldr(ROLE[to], ROLE[base], checkWord(displacement))),
    store: (base, displacement, from) => put(arm64.str(ROLE[from], ROLE[base], checkWord(displacement))),

    callIndirect: (displacement) =>
      put(arm64.adr(IP0, displacement - b.length), arm64.ldr(IP0, IP0, 0), arm64.blr(IP0)),
    jump: (to) => b.putReference(to, arm64.b),
    branchIfNonZero32: (register, to) =>
      b.putReference(to, (distance) => arm64.cbnz_w(ROLE[register], distance)),
    branchIfNotEqual(left, right, to) {
      put(arm64.cmp(ROLE[left], ROLE[right]));
      b.putReference(to, arm64.b_ne);
    },

    narrowText(wide) {
      const [text, length, end, to, from] = [0, 1, 9, 10, 11] as const;
      const [block, all] = [0, 1] as const;
      const next = b.label();
      put(
        arm64.movi_zero(all),
        arm64.add_lsl1(end, text, length),
        arm64.str_q(all, end, 0),
        arm64.mov(to, text),
        arm64.mov(from, text),
      );
      b.bind(next);
      put(
        arm64.ldr_q_post(block, from, 16),
        arm64.orr_16b(all, all, block),
        arm64.xtn_8b(block, block),
        arm64.str_d_post(block, to, 8),
        // Until the NUL was among the units, which is at `end`.
        arm64.cmp(from, end),
      );
      b.putReference(next, arm64.b_ls);
      put(arm64.umaxv_8h(all, all), arm64.fmov_w(end, all), arm64.lsr_imm(end, end, 7));
      b.putReference(wide, (distance) => arm64.cbnz_w(end, distance));
    },

    callFrame(base, layout) {
      checkSurvivor(base);
      const from = ROLE[base];
      const [left, pairs, word, words] = [9, 10, 11, 12] as const;
      const next = b.label();
      const done = b.label();
      put(
        arm64.ldr(left, from, layout.stackCount),
        // Rounded up to pairs: sp is always 16-byte aligned.
        arm64.add_imm(pairs, left, 1),
        arm64.lsr_imm(pairs, pairs, 1),
        arm64.sub_ext(SP, SP, pairs, 4),
        arm64.add_imm(words, from, layout.args + ARGUMENT_REGISTERS * 8),
      );
      b.bind(next);
      b.putReference(done, (distance) => arm64.cbz(left, distance));
      put(arm64.sub_imm(left, left, 1), arm64.ldr_reg8(word, words, left), arm64.str_reg8(word, SP, left));
      b.putReference(next, arm64.b);
      b.bind(done);
      for (let index = 0; index < ARGUMENT_REGISTERS; index++) {
        put(arm64.ldr(index, from, layout.args + index * 8));
      }
      put(
        arm64.ldr(IP0, from, layout.target),
        arm64.blr(IP0),
        arm64.str(0, from, layout.result),
        arm64.mov_sp(SP, FP),
      );
    },

    probe(argc, tracepoint, result = { entry: 0, site: 0, end: 0 }) {
      if (tracepoint !== 'nop') throw new RangeError(`tracepoint on arm64: nop, not ${tracepoint}`);
      checkRange('arguments', argc, 0, MAX_ARGUMENT_WORDS);
      align(PROBE_ALIGNMENT);
      const entry = b.length;
      // The return address is in x30: stack arguments are at the top of the stack already.
      put(arm64.nop(), arm64.ret());
      result.entry = result.site = entry;
      result.end = b.length;
      return result;
    },
  });
}
