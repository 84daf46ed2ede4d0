/**
 * The few functions of the C library that loading an image takes, called through the engine.
 * @module
 */

import type { Engine } from '../engine/engine.ts';
import { constants } from './runtime.ts';

export interface Libc {
  /** @throws Error with dlerror(3)'s words. */
  dlopen(path: string): bigint;
  /** Is it in this process already? */
  isLoaded(path: string): boolean;
  /** 0n if there is no such symbol. */
  dlsym(handle: bigint, symbol: string): bigint;
  dlclose(handle: bigint): void;
  /** A file of these bytes that exists in memory only; its descriptor. @throws Error with the errno's name. */
  memoryFile(name: string, bytes: Uint8Array): number;
  close(descriptor: number): void;
  exists(path: string): boolean;
  /** Opens a device for reading and writing. @throws Error with the errno's name as its code. */
  open(path: string): number;
  /**
   * What ioctl(2) returns, at least 0.
   * @param argument a number is passed as it is; bytes by address, with what the device wrote there afterwards.
   * @throws Error with the errno's name as its code.
   */
  ioctl(descriptor: number, request: number, argument: Uint8Array | number): number;
  /** False also where the C library does not tell. */
  isMainThread(): boolean;
}

// <dlfcn.h>, the same for glibc and musl, on every architecture but MIPS.
const RTLD_NOW = 2;
const RTLD_NOLOAD = 4;
// https://github.com/torvalds/linux/blob/master/include/uapi/linux/memfd.h
const MFD_CLOEXEC = 1;
/** Since Linux 6.3; older kernels refuse it, and don't need it. */
const MFD_EXEC = 0x10;
// <fcntl.h> and <unistd.h>, on x86-64 and arm64.
const O_RDWR = 2;
const O_CLOEXEC = 0x80000;
const F_OK = 0;
const MESSAGE_LIMIT = 1024;

const FUNCTIONS = [
  '__errno_location',
  'access',
  'close',
  'dlclose',
  'dlerror',
  'dlopen',
  'dlsym',
  'getpid',
  'gettid',
  'ioctl',
  'memfd_create',
  'open',
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

  /** The error that a function has just reported. */
  const failed = (what: string): Error => {
    const word = engine.read(call(address.__errno_location), 4);
    const number = new DataView(word.buffer, word.byteOffset).getInt32(0, true);
    const names = Object.entries(constants.errno);
    const [code = `errno ${number}`] = names.find(([, value]) => value === number) ?? [];
    return Object.assign(new Error(`${what}: ${code}`), { code });
  };

  return {
    dlopen(path) {
      const handle = call(address.dlopen, path, RTLD_NOW);
      if (handle === 0n) throw new Error(message());
      return handle;
    },
    isLoaded(path) {
      const handle = call(address.dlopen, path, RTLD_NOW | RTLD_NOLOAD);
      if (handle !== 0n) call(address.dlclose, handle);
      return handle !== 0n;
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
    exists: (path) => callInt(address.access, path, F_OK) === 0,
    open(path) {
      const descriptor = callInt(address.open, path, O_RDWR | O_CLOEXEC);
      if (descriptor < 0) throw failed(`open ${path}`);
      return descriptor;
    },
    ioctl(descriptor, request, argument) {
      const { frame } = engine;
      const { scratchStart } = frame;
      const bytes = typeof argument === 'number' ? undefined : argument;
      if (bytes) frame.bytes.set(bytes, scratchStart);
      const word = bytes ? frame.address + BigInt(scratchStart) : BigInt(argument as number);
      const result = callInt(address.ioctl, descriptor, request, word);
      if (result >= 0) {
        bytes?.set(frame.bytes.subarray(scratchStart, scratchStart + bytes.length));
        return result;
      }
      throw failed('ioctl');
    },
    // Linux gives the main thread the process' id.
    isMainThread: () => address.gettid !== 0n && call(address.gettid) === call(address.getpid),
  };
}
