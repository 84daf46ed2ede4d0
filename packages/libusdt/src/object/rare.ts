/**
 * Of this room, what few processes need: macOS' object files. In the file that Node loads, the bundler puts functions
 * in its place that read `rare.cjs` when one of them is called first (runtime/on-demand.ts).
 */

export { writeBundle } from './macho/bundle.ts';
export { planBundle } from './macho/plan.ts';
