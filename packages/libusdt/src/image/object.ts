/**
 * What an image is made of, while it is built and afterwards.
 */

import type { Sequence } from '../model/sequence.ts';
import type { TracepointEncoding } from '../model/target.ts';
import type { ImageSite, ImageSites } from './sites.ts';

export interface Image {
  readonly bytes: Uint8Array;
  /** What stands at the tracepoints. */
  readonly tracepoint: TracepointEncoding;
  /** Depends on everything that is in the image. */
  readonly buildId: Uint8Array;
  readonly textSize: number;
  /** In the definition's order. */
  readonly sites: Sequence<ImageSite>;
  /** Where the DOF document lies, if there is one. */
  readonly dof: ImageDof | undefined;
}

export interface ImageDof {
  /** Both in bytes from `libusdt_text`: the document, and the start of the object, which its addresses count from. */
  readonly document: number;
  readonly base: number;
  readonly bytes: Uint8Array;
}

/** What dlsym(3) finds in every image. */
export const TEXT_SYMBOL = 'libusdt_text';

/** An image's code, whatever the object file around it. */
export interface ImageCode {
  readonly text: Uint8Array;
  /** Where each probe lies in it. */
  readonly sites: ImageSites;
}

/** The object file around it. Addresses count from its start. */
export interface ImageObject {
  readonly bytes: Uint8Array;
  readonly buildId: Uint8Array;
  readonly textAddress: number;
  readonly dof: { readonly address: number; readonly bytes: Uint8Array } | undefined;
}
