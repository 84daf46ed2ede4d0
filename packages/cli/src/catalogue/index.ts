/** The catalogue: probes of files and processes. Export, statistics and scripts start here. @module */
export { readElfFile } from './elf-file.ts';
export { probesOfElf, typeOfOperand } from './elf-probes.ts';
export {
  type ElfProbes,
  type ProbeArch,
  type ProbeArgument,
  type ProbeFile,
  type ProbeSite,
  probeTitle,
} from './probe.ts';
export { checkProcess, openProbeFile, ProcessScanner, processIds } from './sources.ts';
export { findMappings, tracedSites } from './traced.ts';
