/**
 * The engine as JavaScript sees it: one per thread, made from the file that code.ts describes.
 */

import { LOWER, UPPER } from '../../abi/byte-order.ts';
import { FRAME, MAX_ARGUMENTS } from '../../abi/call-block.ts';
import { stackWords } from '../../arch/passing.ts';
import type { Arch } from '../../model/target.ts';
import { types } from '../../runtime/runtime.ts';
import type { Engine, Frame } from '../host.ts';
import { EXPORT } from './code.ts';
import { Texts } from './texts.ts';

/** <dlfcn.h>: in whatever object of the process it is first. 0 for glibc and musl; (void *)-2 on macOS, FreeBSD and illumos. */
const RTLD_DEFAULT = ['darwin', 'freebsd', 'sunos'].includes(globalThis.process?.platform)
  ? 0xffff_ffff_ffff_fffen
  : 0n;

const SCRATCH_CALL_LIMIT = 65536;
const encoder = new TextEncoder();

/**
 * Loads the engine from a file that buildEngine() made, for this thread.
 * @throws what process.dlopen throws.
 */
export function loadEngine(file: string, arch: Arch): Engine {
  const module: { exports: Record<number, unknown> } = { exports: {} };
  process.dlopen(module, file);
  const buffer = module.exports[EXPORT.frame];
  const invoke = module.exports[EXPORT.call];
  const makeView = module.exports[EXPORT.view];
  const invokeText = module.exports[EXPORT.callText];
  const invokeTexts = module.exports[EXPORT.callTexts];
  const claimShortcut = module.exports[EXPORT.claim];
  if (
    !types.isArrayBuffer(buffer) ||
    typeof invoke !== 'function' ||
    typeof makeView !== 'function' ||
    typeof claimShortcut !== 'function' ||
    typeof invokeText !== 'function' ||
    typeof invokeTexts !== 'function'
  ) {
    throw new Error('this runtime did not give the engine the Node-API functions it asked for');
  }
  const engine = createEngine(arch, buffer, {
    invoke: invoke as Engine['invoke'],
    invokeText: invokeText as Engine['invokeText'],
    invokeTexts: invokeTexts as Engine['invokeTexts'],
    makeView: makeView as () => ArrayBuffer | undefined,
  });
  if (isMainThread(engine)) claimShortcut();
  return engine;
}

/** Linux gives the main thread the process' id. Asked natively: loading node:worker_threads costs two milliseconds. */
function isMainThread(engine: Engine): boolean {
  const [gettid, getpid] = [engine.symbol('gettid'), engine.symbol('getpid')];
  return gettid !== 0n && engine.call(gettid) === engine.call(getpid);
}

interface Natives extends Pick<Engine, 'invoke' | 'invokeText' | 'invokeTexts'> {
  readonly makeView: () => ArrayBuffer | undefined;
}

function createEngine(
  arch: Arch,
  buffer: ArrayBuffer,
  { invoke, invokeText, invokeTexts, makeView }: Natives,
): Engine {
  const words = new Int32Array(buffer);
  const bytes = new Uint8Array(buffer);
  const words64 = new BigUint64Array(buffer);
  const address = words64[FRAME.address / 8]!;
  const dlsym = words64[FRAME.dlsym / 8]!;
  const frame: Frame = {
    words,
    bytes,
    address,
    addressLow: words[FRAME.address / 4 + LOWER]!,
    addressHigh: words[FRAME.address / 4 + LOWER + UPPER]!,
    scratchStart: FRAME.scratch,
    scratchEnd: FRAME.places,
    texts: new Texts(words, bytes, address, { invoke, invokeText, invokeTexts }),
  };

  const engine: Engine = {
    arch,
    frame,
    invoke,
    invokeText,
    invokeTexts,
    symbol: (name) => engine.call(dlsym, RTLD_DEFAULT, name),
    call(target, ...args) {
      if (args.length > MAX_ARGUMENTS)
        throw new RangeError(`call: ${args.length} arguments, ${MAX_ARGUMENTS} at most`);
      if (target === 0n) throw new Error('call: there is no such function in this process');
      let cursor = FRAME.scratch;
      for (const [index, arg] of args.entries()) {
        let word: bigint;
        if (typeof arg === 'string') {
          const text = encoder.encode(arg);
          if (cursor + text.length + 1 > FRAME.places)
            throw new RangeError('call: strings too long for the frame');
          bytes.set(text, cursor);
          bytes[cursor + text.length] = 0;
          word = address + BigInt(cursor);
          cursor += text.length + 1;
        } else word = BigInt(arg);
        words64[FRAME.args / 8 + index] = word;
      }
      words64[FRAME.target / 8] = target;
      words64[FRAME.stackCount / 8] = BigInt(stackWords(arch, args.length));
      invoke();
      return words64[FRAME.result / 8]!;
    },
    read(from, length) {
      if (length > SCRATCH_CALL_LIMIT)
        throw new RangeError(`read: ${length} bytes, ${SCRATCH_CALL_LIMIT} at most`);
      engine.call(memcpy, address + BigInt(FRAME.scratch), from, length);
      return bytes.slice(FRAME.scratch, FRAME.scratch + length);
    },
    view(from, length) {
      words64[FRAME.args / 8] = from;
      words64[FRAME.args / 8 + 1] = BigInt(length);
      return makeView();
    },
  };
  const memcpy = engine.symbol('memcpy');
  return engine;
}
