/**
 * Of this room, what few processes need: images for macOS, and DTrace's documents. In the file that Node loads, the bundler puts functions
 * in its place that read `rare.cjs` when one of them is called first (runtime/on-demand.ts).
 */

export { imageDof } from './dof.ts';
export { buildMachOImage } from './macho.ts';
