/**
 * The few functions of the C library that loading an image takes, called through the engine.
 * @module
 */

import type { Engine } from '../engine/engine.ts';

export interface Libc {
  /** @throws Error with dlerror(3)'s words. */
  dlopen(path: string): bigint;
  /** 0n if there is no such symbol. */
  dlsym(handle: bigint, symbol: string): bigint;
  dlclose(handle: bigint): void;
  /** A file of these bytes that exists in memory only; its descriptor. @throws Error with the errno's name. */
  memoryFile(name: string, bytes: Uint8Array): number;
  close(descriptor: number): void;
}

// <dlfcn.h>, the same for glibc and musl, on every architecture but MIPS.
const RTLD_NOW = 2;
// https://github.com/torvalds/linux/blob/master/include/uapi/linux/memfd.h
const MFD_CLOEXEC = 1;
/** Since Linux 6.3; older kernels refuse it, and don't need it. */
const MFD_EXEC = 0x10;
const MESSAGE_LIMIT = 1024;

const FUNCTIONS = [
  'close',
  'dlclose',
  'dlerror',
  'dlopen',
  'dlsym',
  'memfd_create',
  'strnlen',
  'write',
] as const;

type Address = Readonly<Record<(typeof FUNCTIONS)[number], bigint>>;

export function openLibc(engine: Engine): Libc {
  // All at once: a look-up uses the frame that a call's arguments are in, and overwrites dlerror's message.
  const address = Object.fromEntries(FUNCTIONS.map((name) => [name, engine.symbol(name)])) as Address;
  const { call } = engine;
  const callInt = (target: bigint, ...args: readonly (bigint | number | string)[]): number =>
    Number(BigInt.asIntN(32, call(target, ...args)));

  const message = (): string => {
    const text = call(address.dlerror);
    if (text === 0n) return 'unknown error';
    return new TextDecoder().decode(engine.read(text, Number(call(address.strnlen, text, MESSAGE_LIMIT))));
  };

  return {
    dlopen(path) {
      const handle = call(address.dlopen, path, RTLD_NOW);
      if (handle === 0n) throw new Error(message());
      return handle;
    },
    dlsym: (handle, symbol) => call(address.dlsym, handle, symbol),
    dlclose: (handle) => void call(address.dlclose, handle),
    memoryFile(name, bytes) {
      let descriptor = callInt(address.memfd_create, name, MFD_CLOEXEC | MFD_EXEC);
      if (descriptor < 0) descriptor = callInt(address.memfd_create, name, MFD_CLOEXEC);
      if (descriptor < 0)
        throw new Error('memfd_create failed: the kernel, a limit or a seccomp filter forbids it');
      const { frame } = engine;
      const room = frame.scratchEnd - frame.scratchStart;
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + room);
        frame.bytes.set(part, frame.scratchStart);
        const written = Number(
          BigInt.asIntN(
            64,
            call(address.write, descriptor, frame.address + BigInt(frame.scratchStart), part.length),
          ),
        );
        if (written <= 0) {
          callInt(address.close, descriptor);
          throw new Error('no memory left for a memfd');
        }
        at += written;
      }
      return descriptor;
    },
    close: (descriptor) => void callInt(address.close, descriptor),
  };
}
