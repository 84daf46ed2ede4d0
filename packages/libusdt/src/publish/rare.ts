/**
 * Of this room, what few processes need: files that a program brings along. In the file that Node loads, the bundler puts functions
 * in its place that read `rare.cjs` when one of them is called first (runtime/on-demand.ts).
 */

export { isFileWith, openImageFile } from './image-file.ts';
