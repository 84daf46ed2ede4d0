/** A Mach-O file, or a part of one, that is not what mach-o/loader.h says. */
export class MachOError extends Error {
  /** Where in the bytes at hand the malformed structure starts. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at offset ${offset})`);
    this.name = 'MachOError';
    this.offset = offset;
  }
}
