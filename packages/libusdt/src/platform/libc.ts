/**
 * The few functions of the C library that loading an image takes, called through the engine.
 */

import { HOST_IS_LITTLE } from '../abi/byte-order.ts';
import { PROCESSORS } from '../arch/index.ts';
import type { Engine } from '../hosts/host.ts';
import { constants } from '../runtime/runtime.ts';

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
   * @throws Error with the errno's name as its code.
   */
  ioctl(descriptor: number, request: number, argument: IoctlArgument): number;
  /**
   * What a system call returns, at least 0. Strings are passed as their address.
   * @throws Error with the errno's name as its code.
   */
  syscall(number: number, ...args: readonly (number | string)[]): number;
  /** False also where the C library does not tell. */
  isMainThread(): boolean;
}

/**
 * A number is passed as it is; bytes by address, with what the device wrote there afterwards; `pointerTo`: the address of
 * a word that holds the address of the bytes.
 */
export type IoctlArgument = number | Uint8Array | { readonly pointerTo: Uint8Array };

/** <dlfcn.h>, the same everywhere (but on Linux for MIPS). */
const RTLD_NOW = 2;

/** What the headers of a system say: <dlfcn.h>, <fcntl.h> and <errno.h>. */
interface Headers {
  readonly RTLD_NOLOAD: number;
  readonly O_CLOEXEC: number;
  /** The function that `errno` is a macro for. */
  readonly errno: 'errnoLinux' | 'errnoBsd' | 'errnoSolaris';
}

const LINUX: Headers = { RTLD_NOLOAD: 4, O_CLOEXEC: 0x80000, errno: 'errnoLinux' };
const HEADERS: Readonly<Record<string, Headers>> = {
  // https://github.com/apple-oss-distributions/xnu/blob/main/bsd/sys/fcntl.h and dyld's include/dlfcn.h
  darwin: { RTLD_NOLOAD: 0x10, O_CLOEXEC: 0x1000000, errno: 'errnoBsd' },
  // https://github.com/freebsd/freebsd-src/blob/main/include/dlfcn.h and sys/sys/fcntl.h
  freebsd: { RTLD_NOLOAD: 0x2000, O_CLOEXEC: 0x100000, errno: 'errnoBsd' },
  // https://github.com/illumos/illumos-gate/blob/master/usr/src/head/dlfcn.h and uts/common/sys/fcntl.h
  sunos: { RTLD_NOLOAD: 4, O_CLOEXEC: 0x800000, errno: 'errnoSolaris' },
};

// https://github.com/torvalds/linux/blob/master/include/uapi/linux/memfd.h
const MFD_CLOEXEC = 1;
/** Since Linux 6.3; older kernels refuse it, and don't need it. */
const MFD_EXEC = 0x10;
// <fcntl.h> and <unistd.h>, the same everywhere.
const O_RDWR = 2;
const F_OK = 0;
const MESSAGE_LIMIT = 1024;

const FUNCTIONS = {
  access: 'access',
  close: 'close',
  dlclose: 'dlclose',
  dlerror: 'dlerror',
  dlopen: 'dlopen',
  dlsym: 'dlsym',
  errnoBsd: '__error',
  errnoLinux: '__errno_location',
  errnoSolaris: '___errno',
  getpid: 'getpid',
  gettid: 'gettid',
  ioctl: 'ioctl',
  memfd_create: 'memfd_create',
  open: 'open',
  strnlen: 'strnlen',
  syscall: 'syscall',
  write: 'write',
} as const;

type Address = Readonly<Record<keyof typeof FUNCTIONS, bigint>>;

export function openLibc(engine: Engine): Libc {
  const { RTLD_NOLOAD, O_CLOEXEC, errno } = HEADERS[process.platform] ?? LINUX;
  // All at once: a look-up uses the frame that a call's arguments are in, and overwrites dlerror's message.
  const address = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([key, name]) => [key, engine.symbol(name)]),
  ) as Address;
  const { call } = engine;
  const convention = PROCESSORS[engine.arch].convention(process.platform === 'darwin' ? 'darwin' : 'linux');
  const callInt = (target: bigint, ...args: readonly (bigint | number | string)[]): number =>
    Number(BigInt.asIntN(32, call(target, ...args)));

  const message = (): string => {
    const text = call(address.dlerror);
    if (text === 0n) return 'unknown error';
    return new TextDecoder().decode(engine.read(text, Number(call(address.strnlen, text, MESSAGE_LIMIT))));
  };

  /** The error that a function has just reported. */
  const failed = (what: string): Error => {
    const word = engine.read(call(address[errno]), 4);
    const number = new DataView(word.buffer, word.byteOffset).getInt32(0, HOST_IS_LITTLE);
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
        const place = frame.address + BigInt(frame.scratchStart);
        const written = callInt(address.write, descriptor, place, part.length);
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
      const start = frame.address + BigInt(scratchStart);
      const result = (word: bigint): number => {
        // What the prototype leaves open may have to be on the stack: the word is there, and the third too.
        const left = convention.variadicOnStack ? convention.argumentRegisters - 3 : undefined;
        const open = left === undefined ? [] : [...Array<number>(left).fill(0), word];
        const returned = callInt(address.ioctl, descriptor, request, word, ...open);
        if (returned < 0) throw failed('ioctl');
        return returned;
      };
      if (typeof argument === 'number') return result(BigInt(argument));
      const bytes = 'pointerTo' in argument ? argument.pointerTo : argument;
      const at = 'pointerTo' in argument ? scratchStart + 8 : scratchStart;
      new DataView(frame.bytes.buffer).setBigUint64(scratchStart, start + 8n, HOST_IS_LITTLE);
      frame.bytes.set(bytes, at);
      const returned = result(start);
      bytes.set(frame.bytes.subarray(at, at + bytes.length));
      return returned;
    },
    syscall(number, ...args) {
      const returned = callInt(address.syscall, number, ...args);
      if (returned < 0) throw failed(`system call ${number}`);
      return returned;
    },
    // Linux gives the main thread the process' id.
    isMainThread: () => address.gettid !== 0n && call(address.gettid) === call(address.getpid),
  };
}
