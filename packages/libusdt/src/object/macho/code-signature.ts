/**
 * An ad-hoc code signature, as Apple's linker writes it: Apple silicon maps no code without one, and this one needs no
 * certificate. It is a "super blob" with a single CodeDirectory: a SHA-256 of every 4 KiB page of the file in front of
 * it. All its integers are big-endian.
 *
 * Readers:
 * - The kernel (cs_validate_csblob, ubc_subr.c) wants sizes, offsets and the number of pages to agree, a known hash, and
 *   pages of 4 KiB or of the system's size. The last page counts with its real length; if it is not whole, it is never
 *   executable.
 * - dyld (fcntl F_ADDFILESIGS_RETURN) wants all of the file before the signature covered.
 * - codesign(1) shows identifier and flags.
 */

import { sha256 } from '../sha256.ts';
import * as macho from './constants.ts';

const PAGE_SHIFT = 12;
const PAGE = 1 << PAGE_SHIFT;
const HASH = 32;
/** A super blob with one index entry. */
const SUPER_BLOB = 12 + 8;
/** The fixed part of a CodeDirectory of version 0x20400. */
const CODE_DIRECTORY = 88;
/** Where the signature begins. ld aligns it so. */
export const SIGNATURE_ALIGN = 16;

/** Size of a signature for a file whose other content has `codeLimit` bytes. */
export function codeSignatureSize(identifier: string, codeLimit: number): number {
  return SUPER_BLOB + CODE_DIRECTORY + identifier.length + 1 + Math.ceil(codeLimit / PAGE) * HASH;
}

/**
 * @param code the file up to the signature, which follows at once.
 * @param identifier ASCII; names the code in crash reports and denials.
 * @param execSegLimit file size of the __TEXT segment.
 */
export function encodeCodeSignature(code: Uint8Array, identifier: string, execSegLimit: number): Uint8Array {
  const codeLimit = code.length;
  const bytes = new Uint8Array(codeSignatureSize(identifier, codeLimit));
  const view = new DataView(bytes.buffer);
  const length = bytes.length - SUPER_BLOB;
  const hashOffset = CODE_DIRECTORY + identifier.length + 1;
  const nCodeSlots = Math.ceil(codeLimit / PAGE);

  let at = 0;
  const put32 = (...words: number[]): void => {
    for (const word of words) {
      view.setUint32(at, word);
      at += 4;
    }
  };
  put32(macho.CSMAGIC_EMBEDDED_SIGNATURE, bytes.length, 1, macho.CSSLOT_CODEDIRECTORY, SUPER_BLOB);
  put32(
    macho.CSMAGIC_CODEDIRECTORY,
    length,
    macho.CS_SUPPORTSEXECSEG,
    macho.CS_ADHOC | macho.CS_LINKER_SIGNED,
  );
  // hashOffset, identOffset, nSpecialSlots, nCodeSlots, codeLimit
  put32(hashOffset, CODE_DIRECTORY, 0, nCodeSlots, codeLimit);
  // hashSize, hashType, platform, pageSize
  bytes.set([HASH, macho.CS_HASHTYPE_SHA256, 0, PAGE_SHIFT], at);
  at += 4;
  // spare2, scatterOffset, teamOffset, spare3; codeLimit64, execSegBase: 64 bits each
  put32(0, 0, 0, 0, 0, 0, 0, 0);
  // execSegLimit, execSegFlags: 64 bits each
  put32(0, execSegLimit, 0, 0);
  for (let index = 0; index < identifier.length; index++) bytes[at + index] = identifier.charCodeAt(index);
  at += identifier.length + 1;
  for (let slot = 0; slot < nCodeSlots; slot++, at += HASH) {
    bytes.set(sha256(code.subarray(slot * PAGE, Math.min((slot + 1) * PAGE, codeLimit))), at);
  }
  return bytes;
}
