/**
 * What few processes need: other systems than Linux, processors that are seldom met, images that a program brings along,
 * and DTrace. It is a third of the library. Everything else gets it from here, so that Node can read it when it is needed
 * first: rare-on-demand.ts stands in for this module in the file that Node loads (scripts/bundle.mjs).
 * @module
 */

export { createI386Assembler } from './arch/i386/assembler.ts';
export { imageDof } from './image/dof.ts';
export { buildMachOImage } from './image/macho.ts';
export { writeBundle } from './object/macho/bundle.ts';
export { planBundle } from './object/macho/plan.ts';
export { openDarwin, openFreebsd, openIllumos } from './platform/dtrace/kernel.ts';
export { createRegistrar } from './platform/dtrace/linux.ts';
export { isFileWith, openImageFile } from './publish/image-file.ts';
