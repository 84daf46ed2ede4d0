/**
 * An image that the dynamic loader has mapped: the view of its code, and its end. Who tells tracers of it, and how, is
 * the system's.
 */

import type { Engine } from '../hosts/host.ts';
import type { Image } from '../image/object.ts';
import type { LoadedImage } from './platform.ts';

/** What the loader mapped. */
export interface Mapping {
  readonly file: string;
  readonly storage: LoadedImage['storage'];
  readonly textAddress: bigint;
  /** Undoes it. Undefined where the image stays until the process ends. */
  readonly unmap: (() => void) | undefined;
}

/** How tracers know of it. */
export interface Registration {
  readonly registeredBy: string;
  /** For people: what is not as it should be. */
  readonly detail: string | undefined;
  /** Takes it back. */
  readonly remove: (() => void) | undefined;
}

/** Unloads what was dropped without disable(). The held value must not lead to the image. */
const dropped = new FinalizationRegistry((unload: () => void) => unload());

/** The result may not be copied: it is unloaded when this very object is garbage. */
export function loadedImage(
  engine: Engine,
  { sites, tracepoint, textSize }: Image,
  { file, storage, textAddress, unmap }: Mapping,
  { registeredBy, detail, remove }: Registration,
): LoadedImage {
  const buffer = textSize > 0 ? engine.view(textAddress, textSize) : undefined;
  const token = {};
  let open = true;
  const unload = (): void => {
    if (!open) return;
    open = false;
    dropped.unregister(token);
    remove?.();
    unmap?.();
  };
  const loaded: LoadedImage = {
    sites,
    engine,
    file,
    storage,
    detail,
    textAddress,
    text: buffer && new Int32Array(buffer),
    registeredBy,
    tracepoint,
    unload,
  };
  dropped.register(loaded, unload, token);
  return loaded;
}
