/** An ELF file, or a part of one, that is not what the specification says. */
export class ElfError extends Error {
  /** Where in the bytes at hand the malformed structure starts. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at offset ${offset})`);
    this.name = 'ElfError';
    this.offset = offset;
  }
}
