/** A DOF document that can't be read. */
export class DofError extends Error {
  /** Where in the document the malformed structure starts. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} (at offset ${offset})`);
    this.name = 'DofError';
    this.offset = offset;
  }
}
