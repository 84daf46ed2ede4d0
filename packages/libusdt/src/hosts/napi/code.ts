/**
 * The engine: a Node-API module of some twelve hundred bytes, the only native code with Node-API in it.
 *
 * What Node-API wants of a module (https://nodejs.org/api/n-api.html#module-registration): a dynamic symbol
 * `napi_register_module_v1(env, exports)` that returns the exports. The functions it calls (`napi_*`) are undefined
 * symbols that the dynamic linker finds in the executable: node, bun and deno all export them.
 *
 * Its exports are numbered, so that the code needs no strings:
 *   0  the call block, an ArrayBuffer (abi/call-block.ts); allocated by the runtime, so that it lives and dies with its thread
 *   1  call(): load the call block into the C calling convention, call the target, store the result
 *   2  view(): an ArrayBuffer over `args[1]` bytes of memory at `args[0]`, or undefined where the runtime refuses
 *      (https://nodejs.org/api/n-api.html#napi_create_external_arraybuffer, napi_no_external_buffers_allowed)
 *   3  claim(): make this thread's call block the one that `call` uses without asking the runtime for it
 *   4  callTexts(...strings): write each as UTF-8 to where the call block says, then do as `call`; undefined, or the first
 *      argument that is no string, and then nothing was called
 *      (https://nodejs.org/api/n-api.html#napi_get_value_string_utf8)
 *
 * Nothing in it belongs to a thread but the call block: `call` gets it from the function's own data pointer. Asking for
 * that (napi_get_cb_info) is a third of the cost of a call, so the main thread claims a shortcut: a word with its
 * env and one with its call block. Only the main thread writes them, and no other thread has its env.
 */

import { FRAME, MAX_TEXTS, TEXT_PLACE_BYTES } from '../../abi/call-block.ts';
import { createAssembler } from '../../arch/assemblers.ts';
import { PROCESSORS } from '../../arch/index.ts';
import type { Assembler, Label } from '../../asm/assembler.ts';
import type { Arch } from '../../model/target.ts';
import { contentHash } from '../../object/content-hash.ts';
import { SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from '../../object/elf/constants.ts';
import { planSharedObject } from '../../object/elf/plan.ts';
import { writeSharedObject } from '../../object/elf/shared-object.ts';
import { S_CODE, S_ZEROFILL } from '../../object/macho/constants.ts';
import { planBundle, writeBundle } from '../../object/rare.ts';

/** What a runtime looks for in a module. */
const REGISTER = 'napi_register_module_v1';
const IMPORTS = [
  'dlsym',
  'napi_create_arraybuffer',
  'napi_create_external_arraybuffer',
  'napi_create_function',
  'napi_get_cb_info',
  'napi_get_value_string_utf16',
  'napi_get_value_string_utf8',
  'napi_set_element',
] as const;

type Import = (typeof IMPORTS)[number];

/** Indices of the engine's exports. */
export const EXPORT = { frame: 0, call: 1, view: 2, claim: 3, callText: 4, callTexts: 5 } as const;

/** Distances from the start of the code to what lies outside it, in bytes. */
interface Surroundings {
  got(symbol: Import): number;
  /** Two words, of 8 bytes each, of zeroed, writable memory: the claimed env and its call block. */
  claimed: number;
}

/** The object file that the engine is: what the dynamic linkers of Linux, illumos and FreeBSD load, and that of macOS. */
export type ObjectFormat = 'elf' | 'macho';

const TEXT_ALIGN = 64;
/** Of the claimed env and its call block. */
const CLAIMED_SIZE = 16;
const SYMBOLS = { exports: [REGISTER], imports: IMPORTS } as const;

/** The engine for an architecture, as the bytes of an object file, and its build id. Deterministic. */
export function buildEngine(
  arch: Arch,
  format: ObjectFormat = 'elf',
): { readonly bytes: Uint8Array; readonly buildId: Uint8Array } {
  return format === 'elf' ? buildElf(arch) : buildMachO(arch);
}

function buildElf(arch: Arch) {
  const layout = planSharedObject({
    ...{ arch, ...SYMBOLS },
    sections: [
      {
        name: '.text',
        type: SHT_PROGBITS,
        flags: SHF_EXECINSTR,
        size: PROCESSORS[arch].engineSize,
        align: TEXT_ALIGN,
      },
      { name: '.bss', type: SHT_NOBITS, flags: SHF_WRITE, size: CLAIMED_SIZE, align: 8 },
    ],
  });
  const { text, register, buildId } = assemble(arch, layout, '.text', '.bss');
  const exports = [{ ...register, section: '.text' }];
  return { bytes: writeSharedObject(layout, { sections: { '.text': text }, exports, buildId }), buildId };
}

function buildMachO(arch: Arch) {
  const layout = planBundle({
    ...{ arch, ...SYMBOLS },
    sections: [
      {
        sectname: '__text',
        segname: '__TEXT',
        flags: S_CODE,
        size: PROCESSORS[arch].engineSize,
        align: TEXT_ALIGN,
      },
      { sectname: '__bss', segname: '__DATA', flags: S_ZEROFILL, size: CLAIMED_SIZE, align: 8 },
    ],
  });
  const { text, register, buildId } = assemble(arch, layout, '__text', '__bss');
  const exports = [{ ...register, section: '__text' }];
  const content = { sections: { __text: text }, exports, buildId, identifier: 'libusdt-engine' };
  return { bytes: writeBundle(layout, content), buildId };
}

/** What the layouts of both formats have in common. */
interface Layout {
  address(section: string): number;
  gotAddress(name: string): number;
}

function assemble(arch: Arch, layout: Layout, code: string, data: string) {
  const start = layout.address(code);
  const asm = createAssembler(arch);
  const surroundings: Surroundings = {
    got: (symbol) => layout.gotAddress(symbol) - start,
    claimed: layout.address(data) - start,
  };
  const { call, go } = emitCall(asm, surroundings);
  const view = emitView(asm, surroundings);
  const claim = emitClaim(asm, surroundings);
  const texts = emitCallTexts(asm, surroundings, go);
  const offset = emitRegister(asm, surroundings, { call, view, claim, ...texts });
  const register = { name: REGISTER, offset, size: asm.position - offset };
  const size = asm.position;
  asm.align(PROCESSORS[arch].engineSize);
  const text = asm.finish();
  // Without what fills it up: a program's first probe waits for this.
  const buildId = contentHash(text.subarray(0, size));
  return { text, register, buildId };
}

function begin(asm: Assembler): Label {
  asm.align(16);
  const label = asm.label();
  asm.bind(label);
  return label;
}

/** a0 = env, a1 = info -> s0 = the call block; uses local word 0. */
function emitFrameFromInfo(asm: Assembler, { got }: Surroundings): void {
  asm.immediate('a2', 0);
  asm.immediate('a3', 0);
  asm.immediate('a4', 0);
  asm.addressOfLocal('a5', 0);
  asm.callIndirect(got('napi_get_cb_info'));
  asm.loadLocal('s0', 0);
}

/**
 * Local words of `call`, `callText` and `callTexts`, which have one end. The call block; then, of the string that was written last, the
 * length; how many are left to write; and the strings.
 */
const LOCALS = { frame: 0, length: 0, left: 1, texts: 2, count: 2 + MAX_TEXTS } as const;

/** napi_value call(napi_env env, napi_callback_info info); with s0 = the call block, it may be entered at `go` too. */
function emitCall(asm: Assembler, surroundings: Surroundings): { readonly call: Label; readonly go: Label } {
  const call = begin(asm);
  const ask = asm.label();
  const go = asm.label();
  asm.enter(LOCALS.count);
  asm.addressAt('a2', surroundings.claimed);
  asm.load('a3', 'a2', 0);
  asm.branchIfNotEqual('a3', 'a0', ask);
  asm.load('s0', 'a2', 8);
  asm.jump(go);
  asm.bind(ask);
  emitFrameFromInfo(asm, surroundings);
  asm.bind(go);
  asm.callFrame('s0', FRAME);
  asm.immediate('result', 0);
  asm.leave();
  return { call, go };
}

/** napi_value view(napi_env env, napi_callback_info info) */
function emitView(asm: Assembler, surroundings: Surroundings): Label {
  const nothing = begin(asm);
  asm.ret();
  const entry = begin(asm);
  const refused = asm.label();
  asm.enter(2);
  asm.move('s1', 'a0');
  emitFrameFromInfo(asm, surroundings);
  asm.move('a0', 's1');
  asm.load('a1', 's0', FRAME.args);
  asm.load('a2', 's0', FRAME.args + 8);
  asm.addressOf('a3', nothing);
  asm.immediate('a4', 0);
  asm.addressOfLocal('a5', 1);
  asm.callIndirect(surroundings.got('napi_create_external_arraybuffer'));
  asm.branchIfNonZero32('result', refused);
  asm.loadLocal('result', 1);
  asm.leave();
  asm.bind(refused);
  asm.immediate('result', 0);
  asm.leave();
  return entry;
}

/** napi_value claim(napi_env env, napi_callback_info info) */
function emitClaim(asm: Assembler, surroundings: Surroundings): Label {
  const entry = begin(asm);
  asm.enter(1);
  asm.move('s1', 'a0');
  emitFrameFromInfo(asm, surroundings);
  asm.addressAt('a2', surroundings.claimed);
  asm.store('a2', 8, 's0');
  asm.store('a2', 0, 's1');
  asm.immediate('result', 0);
  asm.leave();
  return entry;
}

/**
 * napi_value callText(napi_env env, napi_callback_info info)
 * napi_value callTexts(napi_env env, napi_callback_info info)
 *
 * They end as `call` does, at the label of that name. They differ in how many arguments they ask for, as each costs its time, whether it was given or not.
 *
 * Runtimes are quicker to give UTF-16 than UTF-8, by more than it takes to make ASCII of it. What is not ASCII is asked
 * for again. The caller has seen to it that no string takes more than its place: what a runtime makes of a character that
 * fits only in part need not be known.
 */
function emitCallTexts(
  asm: Assembler,
  { got, claimed }: Surroundings,
  call: Label,
): Record<'callText' | 'callTexts', Label> {
  const local = LOCALS;
  const [begun, ask, go] = [asm.label(), asm.label(), asm.label()];
  const [next, written, wide, refused] = [asm.label(), asm.label(), asm.label(), asm.label()];
  const callText = begin(asm);
  asm.enter(local.count);
  asm.immediate('a2', 1);
  asm.jump(begun);

  const callTexts = begin(asm);
  asm.enter(local.count);
  asm.immediate('a2', MAX_TEXTS);
  asm.bind(begun);
  asm.storeLocal(local.left, 'a2');
  asm.move('s1', 'a0');
  asm.addressAt('a2', claimed);
  asm.load('a3', 'a2', 0);
  asm.branchIfNotEqual('a3', 'a0', ask);
  asm.load('a3', 'a2', 8);
  asm.storeLocal(local.frame, 'a3');
  asm.immediate('a5', 0);
  asm.jump(go);
  asm.bind(ask);
  asm.addressOfLocal('a5', local.frame);
  asm.bind(go);
  asm.addressOfLocal('a2', local.left);
  asm.addressOfLocal('a3', local.texts);
  asm.immediate('a4', 0);
  asm.callIndirect(got('napi_get_cb_info'));
  asm.loadLocal('s0', local.frame);
  asm.addressOfLocal('s2', local.texts);
  asm.move('s3', 's0');
  asm.addImmediate('s3', FRAME.texts);

  asm.bind(next);
  asm.move('a0', 's1');
  asm.load('a1', 's2', 0);
  asm.load('a2', 's3', 0);
  asm.immediate('a3', TEXT_PLACE_BYTES / 2);
  asm.addressOfLocal('a4', local.length);
  asm.callIndirect(got('napi_get_value_string_utf16'));
  asm.branchIfNonZero32('result', refused);
  asm.load('a0', 's3', 0);
  asm.loadLocal('a1', local.length);
  asm.narrowText(wide);
  asm.bind(written);
  asm.addImmediate('s2', asm.pointerSize);
  asm.addImmediate('s3', 8);
  asm.loadLocal('a0', local.left);
  asm.addImmediate('a0', -1);
  asm.storeLocal(local.left, 'a0');
  asm.branchIfNonZero32('a0', next);
  asm.jump(call);

  asm.bind(wide);
  asm.move('a0', 's1');
  asm.load('a1', 's2', 0);
  asm.load('a2', 's3', 0);
  asm.immediate('a3', TEXT_PLACE_BYTES);
  asm.immediate('a4', 0);
  asm.callIndirect(got('napi_get_value_string_utf8'));
  asm.branchIfNonZero32('result', refused);
  asm.jump(written);

  asm.bind(refused);
  asm.load('result', 's2', 0);
  asm.leave();
  return { callText, callTexts };
}

/** napi_value napi_register_module_v1(napi_env env, napi_value exports) -> offset of its first instruction */
function emitRegister(
  asm: Assembler,
  { got }: Surroundings,
  callbacks: Record<Exclude<keyof typeof EXPORT, 'frame'>, Label>,
): number {
  const entry = begin(asm);
  const done = asm.label();
  asm.enter(2);
  asm.move('s0', 'a0');
  asm.move('s1', 'a1');

  asm.immediate('a1', FRAME.size);
  asm.addressOfLocal('a2', 0);
  asm.addressOfLocal('a3', 1);
  asm.callIndirect(got('napi_create_arraybuffer'));
  asm.branchIfNonZero32('result', done);
  asm.loadLocal('s2', 0);
  asm.store('s2', FRAME.address, 's2');
  asm.addressAt('a1', got('dlsym'));
  asm.load('a1', 'a1', 0);
  asm.store('s2', FRAME.dlsym, 'a1');
  emitSetElement(asm, got, EXPORT.frame);
  asm.branchIfNonZero32('result', done);

  for (const name of ['call', 'view', 'claim', 'callText', 'callTexts'] as const) {
    asm.move('a0', 's0');
    asm.immediate('a1', 0);
    asm.immediate('a2', 0);
    asm.addressOf('a3', callbacks[name]);
    asm.move('a4', 's2');
    asm.addressOfLocal('a5', 1);
    asm.callIndirect(got('napi_create_function'));
    asm.branchIfNonZero32('result', done);
    emitSetElement(asm, got, EXPORT[name]);
    asm.branchIfNonZero32('result', done);
  }
  asm.bind(done);
  asm.move('result', 's1');
  asm.leave();
  return entry.offset;
}

/** exports[index] = the napi_value in local word 1 */
function emitSetElement(asm: Assembler, got: Surroundings['got'], index: number): void {
  asm.move('a0', 's0');
  asm.move('a1', 's1');
  asm.immediate('a2', index);
  asm.loadLocal('a3', 1);
  asm.callIndirect(got('napi_set_element'));
}
