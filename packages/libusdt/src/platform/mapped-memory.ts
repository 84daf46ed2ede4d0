/**
 * Memory for a large image while it is built and compared: mapped from the kernel, and given back as soon as the file is
 * loaded. An ArrayBuffer of the runtime would stay until the next full garbage collection, which may be minutes later:
 * with ten thousand probes that was a fifth of all memory that they took.
 */

import type { Engine } from '../hosts/host.ts';
import type { Allocate } from '../object/elf/shared-object.ts';

/** Smaller ones are left to the runtime: two system calls more would cost as much as they save. */
const LEAST = 128 * 1024;

// https://github.com/torvalds/linux/blob/master/include/uapi/asm-generic/mman-common.h, the same on all architectures here
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
/** All pages at once, instead of a fault for each. */
const MAP_POPULATE = 0x8000;
const NO_FILE = -1n;

/**
 * What `use` returns. What `allocate` returned must not be read or written after that, as its memory may be gone.
 */
export function withMappedMemory<Result>(engine: Engine, use: (allocate: Allocate) => Result): Result {
  const mapped: (readonly [address: bigint, size: number])[] = [];
  try {
    return use((size) => {
      const address = size < LEAST ? undefined : map(engine, size);
      if (address === undefined) return new Uint8Array(size);
      mapped.push([address, size]);
      // Undefined where the runtime gives no view of foreign memory.
      return new Uint8Array(engine.view(address, size) ?? new ArrayBuffer(size));
    });
  } finally {
    for (const [address, size] of mapped) engine.call(engine.symbol('munmap'), address, size);
  }
}

/** Address of so many zeroed bytes; undefined if the kernel has none. */
function map(engine: Engine, size: number): bigint | undefined {
  const flags = MAP_PRIVATE_ANONYMOUS | MAP_POPULATE;
  // The offset has two words where musl runs on i386.
  const address = engine.call(engine.symbol('mmap'), 0n, size, PROT_READ_WRITE, flags, NO_FILE, 0n, 0n);
  // MAP_FAILED is -1; page addresses end with zeros.
  return (address & 0xfffn) === 0n ? address : undefined;
}
