/** The catalogue: probes of files and processes. Export, statistics and scripts start here. */

export { typeOfOperand } from './arguments.ts';
export { probesOfElf } from './elf-probes.ts';
export {
  type ObjectProbes,
  type ProbeArgument,
  type ProbeFile,
  type ProbeFormat,
  type ProbeSite,
  probeTitle,
  type TranslatedArgument,
} from './probe.ts';
export { checkProcess, openProbeFiles, ProcessScanner, processIds } from './sources.ts';
export { findMappings, tracedSites } from './traced.ts';
