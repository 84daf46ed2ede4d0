/**
 * Imports a module of the user's. In the bundle this is a file of its own, which Node's loader loads: code that was
 * kept compiled (compiled.ts) can't import.
 */

/** @returns its exports. */
export function importModule(url: string): Promise<Record<string, unknown>> {
  return import(url);
}
