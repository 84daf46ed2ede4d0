/**
 * The macro-assembler for i386, System V calling convention.
 * https://gitlab.com/x86-psABIs/i386-ABI: 2.2.2 (stack frame), 2.2.3 (parameter passing)
 *
 * Arguments are passed on the stack, and there are not registers enough for all roles. So a0..a5 are the words where
 * the arguments of the next call have to be: the bottom of the frame, into which `enter` copies the arguments of
 * this function. Before `enter`, they are the arguments where the caller put them. s3 is a word of the frame as well.
 * Nothing expects ecx and edx to survive, so they carry what goes from memory to memory.
 *
 * A frame, as `enter` makes it:
 *     ebp + 8   arguments
 *     ebp + 4   return address
 *     ebp       caller's ebp
 *     ebp - 12  ebx, esi, edi (from the top down)
 *     ebp - 16  s3
 *     below     locals, in index order
 *     esp       a0..a5; 16-byte aligned
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
import { emitNarrowText } from '../x86/narrow.ts';
import { i386, REG32 } from './encoding.ts';

const { eax, ecx, edx, ebx, esp, ebp, esi, edi } = REG32;

/** A register's number, or a word in memory. */
type Place = number | { readonly base: number; readonly displacement: number };

const ARGUMENTS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5'] as const satisfies readonly Register[];
const SAVED = [ebx, esi, edi] as const;
const SAVED_SIZE = SAVED.length * 4;
const S3 = { base: ebp, displacement: -SAVED_SIZE - 4 } as const satisfies Place;
const MAX_LOCALS = 8;
/** Where the first argument is: behind the return address and ebp, or before `enter` behind the return address. */
const INCOMING = 8;
const INCOMING_BEFORE_ENTER = 4;

const PLACES: Readonly<Record<Exclude<Register, (typeof ARGUMENTS)[number]>, Place>> = {
  s0: ebx,
  s1: esi,
  s2: edi,
  s3: S3,
  result: eax,
};

const NOP = 0x90;
/** INT3, for code that is never reached. */
const TRAP = 0xcc;
const WATCHED_SIZE = 4;
/** Keeps the tracepoint within a cache line, and stubs dense. */
const PROBE_STRIDE = 8;
/** Bytes of `pop %ecx`. */
const POP_ECX_SIZE = 1;

export function createI386Assembler(): Assembler {
  const b = new CodeBuffer('lsb');
  let localCount = 0;
  /** Bytes below the saved registers; undefined before `enter`. */
  let frame: number | undefined;

  const place = (register: Register): Place => {
    const argument = ARGUMENTS.indexOf(register as (typeof ARGUMENTS)[number]);
    if (argument === -1) return PLACES[register as keyof typeof PLACES];
    return { base: esp, displacement: (frame === undefined ? INCOMING_BEFORE_ENTER : 0) + argument * 4 };
  };
  /** A register that holds what is at a place: its own, or `scratch`. */
  const inRegister = (register: Register, scratch: number): number => {
    const from = place(register);
    if (typeof from === 'number') return from;
    i386.mov_r32_m32(b, scratch, from.base, from.displacement);
    return scratch;
  };
  /** What `compute` leaves in the register that it is given goes to its place. */
  const put = (to: Register, compute: (register: number) => void): void => {
    const target = place(to);
    compute(typeof target === 'number' ? target : edx);
    if (typeof target !== 'number') i386.mov_m32_r32(b, target.base, target.displacement, edx);
  };
  const local = (index: number): number => {
    checkRange('local word', index, 0, localCount - 1);
    return S3.displacement - (localCount - index) * 8;
  };
  /** There is no addressing relative to the code, but a call leaves its place on the stack. */
  const putAddress = (register: number, distance: (here: number) => void): void => {
    const here = b.label();
    i386.call(b, here);
    b.bind(here);
    i386.pop_r32(b, register);
    distance(here.offset);
  };
  const addressAt = (register: number, displacement: number): void =>
    putAddress(register, (here) => i386.add_r32_imm32(b, register, displacement - here));
  const align = (alignment: number, offset = 0): void => {
    b.fill8(TRAP, paddingTo(b.length, alignment, offset));
    frame = undefined;
  };

  return assemblerOn(b, align, {
    arch: 'i386',
    pointerSize: 4,

    enter(locals) {
      checkRange('locals', locals, 0, MAX_LOCALS);
      localCount = locals;
      // With the return address, ebp, ebx, esi, edi and s3: a multiple of 16, whether the locals are even or not.
      frame = 4 + (locals + (locals & 1)) * 8 + ARGUMENTS.length * 4;
      i386.push_r32(b, ebp);
      i386.mov_r32_r32(b, ebp, esp);
      for (const register of SAVED) i386.push_r32(b, register);
      i386.sub_r32_imm8(b, esp, frame);
      for (let at = 0; at < ARGUMENTS.length * 4; at += 4) {
        i386.mov_r32_m32(b, ecx, ebp, INCOMING + at);
        i386.mov_m32_r32(b, esp, at, ecx);
      }
    },
    leave() {
      i386.lea_m(b, esp, ebp, -SAVED_SIZE);
      for (const register of [...SAVED].reverse()) i386.pop_r32(b, register);
      i386.pop_r32(b, ebp);
      i386.ret(b);
    },
    ret: () => i386.ret(b),

    move(to, from) {
      const target = place(to);
      if (typeof target === 'number') {
        const source = place(from);
        if (typeof source === 'number') i386.mov_r32_r32(b, target, source);
        else i386.mov_r32_m32(b, target, source.base, source.displacement);
      } else i386.mov_m32_r32(b, target.base, target.displacement, inRegister(from, ecx));
    },
    immediate(to, value) {
      const target = place(to);
      if (typeof target !== 'number') i386.mov_m32_imm32(b, target.base, target.displacement, value);
      else if (value === 0) i386.xor_r32_r32(b, target, target);
      else i386.mov_r32_imm32(b, target, value);
    },
    addImmediate(to, value) {
      checkAddend(value);
      put(to, (register) => i386.lea_m(b, register, inRegister(to, ecx), value));
    },
    addressOf: (to, label) =>
      put(to, (register) => putAddress(register, (here) => i386.add_r32_label(b, register, label, here))),
    addressAt: (to, displacement) => put(to, (register) => addressAt(register, displacement)),
    addressOfLocal: (to, index) => put(to, (register) => i386.lea_m(b, register, ebp, local(index))),
    loadLocal: (to, index) => put(to, (register) => i386.mov_r32_m32(b, register, ebp, local(index))),
    storeLocal: (index, from) => i386.mov_m32_r32(b, ebp, local(index), inRegister(from, ecx)),
    load(to, base, displacement) {
      checkWord(displacement);
      put(to, (register) => i386.mov_r32_m32(b, register, inRegister(base, ecx), displacement));
    },
    store(base, displacement, from) {
      checkWord(displacement);
      i386.mov_m32_r32(b, inRegister(base, ecx), displacement, inRegister(from, edx));
    },

    callIndirect(displacement) {
      addressAt(ecx, displacement);
      i386.call_m32(b, ecx, 0);
    },
    jump: (to) => i386.jmp(b, to),
    branchIfNonZero32(register, to) {
      const value = inRegister(register, ecx);
      i386.test_r32_r32(b, value, value);
      i386.jne(b, to);
    },
    branchIfNotEqual(left, right, to) {
      i386.cmp_r32_r32(b, inRegister(left, ecx), inRegister(right, edx));
      i386.jne(b, to);
    },

    narrowText(wide) {
      emitNarrowText(b, inRegister('a0', edx), inRegister('a1', ecx), wide);
    },

    callFrame(base, { stackCount, args, target, result }) {
      checkSurvivor(base);
      const own = place(base);
      const from = typeof own === 'number' ? own : ebx;
      // All other registers are taken: what is in ebx waits in the place of s3.
      const swap = (): void => {
        if (typeof own !== 'number') i386.xchg_m32_r32(b, own.base, own.displacement, ebx);
      };
      const next = b.label();
      const half = b.label();
      const done = b.label();
      swap();
      // Room for two words each: what is left over lies above them, where nobody looks.
      i386.mov_r32_m32(b, eax, from, stackCount);
      i386.shl_r32_imm8(b, eax, 3);
      i386.sub_r32_r32(b, esp, eax);
      i386.and_r32_imm8(b, esp, -16);
      // ecx counts the frame's words, edx those on the stack.
      i386.xor_r32_r32(b, ecx, ecx);
      i386.xor_r32_r32(b, edx, edx);
      b.bind(next);
      i386.cmp_r32_m32(b, ecx, from, stackCount);
      i386.jae(b, done);
      i386.mov_r32_m32(b, eax, from, stackCount + 4);
      i386.bt_r32_r32(b, eax, ecx);
      // Moves leave the carry as it is, and so does LEA.
      i386.mov_r32_m32x8(b, eax, from, ecx, args);
      i386.mov_m32x4_r32(b, esp, edx, 0, eax);
      i386.lea_m(b, edx, edx, 1);
      i386.jae(b, half);
      i386.mov_r32_m32x8(b, eax, from, ecx, args + 4);
      i386.mov_m32x4_r32(b, esp, edx, 0, eax);
      i386.inc_r32(b, edx);
      b.bind(half);
      i386.inc_r32(b, ecx);
      i386.jmp(b, next);
      b.bind(done);
      i386.call_m32(b, from, target);
      i386.mov_m32_r32(b, from, result, eax);
      i386.mov_m32_imm32(b, from, result + 4, 0);
      i386.lea_m(b, esp, ebp, -SAVED_SIZE - (frame ?? 0));
      swap();
    },

    probe(argc, tracepoint, result = { entry: 0, site: 0, end: 0 }) {
      if (tracepoint !== 'nop') throw new RangeError(`tracepoint on i386: nop, not ${tracepoint}`);
      checkRange('arguments', argc, 0, MAX_ARGUMENT_WORDS);
      const onStack = argc > 0;
      align(PROBE_STRIDE, onStack ? POP_ECX_SIZE : 0);
      const entry = b.length;
      // The return address would stand above the arguments.
      if (onStack) i386.pop_r32(b, ecx);
      const site = b.length;
      b.put8(NOP);
      if (onStack) i386.push_r32(b, ecx);
      i386.ret(b);
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
