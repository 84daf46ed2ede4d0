/**
 * Universal ("fat") files: several Mach-O files in one, one per architecture. The header is big-endian; each slice
 * begins at a multiple of the largest page size.
 */

import { alignUp } from '../bytes.ts';
import { FAT_MAGIC } from './constants.ts';

/** log2 of 16 KiB, Apple silicon's page. */
const SLICE_ALIGN = 14;
const FAT_HEADER = 8;
const FAT_ARCH = 20;

/** @param slices whole 64-bit Mach-O files, of different architectures. */
export function encodeUniversal(slices: readonly Uint8Array[]): Uint8Array {
  let offset = FAT_HEADER + FAT_ARCH * slices.length;
  const places = slices.map(({ length }) => {
    const place = alignUp(offset, 1 << SLICE_ALIGN);
    offset = place + length;
    return place;
  });
  const bytes = new Uint8Array(offset);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FAT_MAGIC);
  view.setUint32(4, slices.length);
  for (const [index, slice] of slices.entries()) {
    const header = new DataView(slice.buffer, slice.byteOffset);
    const at = FAT_HEADER + FAT_ARCH * index;
    view.setUint32(at, header.getUint32(4, true));
    view.setUint32(at + 4, header.getUint32(8, true));
    view.setUint32(at + 8, places[index]!);
    view.setUint32(at + 12, slice.length);
    view.setUint32(at + 16, SLICE_ALIGN);
    bytes.set(slice, places[index]);
  }
  return bytes;
}
