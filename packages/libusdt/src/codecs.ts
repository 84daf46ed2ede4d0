/**
 * The low-level API (`libusdt/codecs`): the codecs that the library and its tools are made of, bytes in, values out, and
 * back. They ask no runtime, so they work in browsers too. It follows the formats, so it may grow with a minor version.
 */

export type {
  ArgumentPlace,
  ArgumentSize,
  CallingConvention,
  PassedType,
  Processor,
  ProcessorReader,
} from './arch/arch.ts';
export { archNamed, archOfElf, archOfMachO, PROCESSORS, READERS } from './arch/index.ts';
export type { OperandContext, OperandPlace } from './arch/operand-place.ts';
export { type CType, parseCType } from './ctypes/ctypes.ts';
export { dofAttributes, LIBUSDT_ATTRIBUTES, packAttribute, unpackAttribute } from './dof/attributes.ts';
export { DOF_MAG } from './dof/constants.ts';
export {
  type DecodedDof,
  type DecodedProbe,
  type DecodedProvider,
  decodeDof,
  decodeDofs,
  readDofFormat,
  splitDofs,
} from './dof/decode.ts';
export type { DofAttributes, DofDocument, DofFormat, DofProbe, DofProvider } from './dof/document.ts';
export { encodeDof } from './dof/encode.ts';
export { DofError } from './dof/error.ts';
export { DOF_RULES, type DofEffect, type DofFinding, type DofRule } from './dof/rules.ts';
export type { DofSystemName } from './dof/systems.ts';
export { type DofValidateOptions, validateDof } from './dof/validate.ts';
export { buildEngine } from './hosts/napi/code.ts';
export type { ImageDefinition, ProbeDefinition } from './image/definition.ts';
export { buildImage } from './image/image.ts';
export type { Image } from './image/object.ts';
export type { ImageSite } from './image/sites.ts';
export { tracepointFor, tracepointsOf } from './image/tracepoint.ts';
export type {
  Arch,
  Target,
  TargetSystem,
  TracepointEncoding,
} from './model/target.ts';
export {
  decodeUsdtNotes,
  type UsdtNotes,
  type UsdtProbe,
  type UsdtProvider,
  type UsdtTracepoint,
} from './notes/dtrace/note.ts';
export {
  type DeclarationNote,
  decodeDeclarations,
  encodeDeclarations,
  type ProbeDeclaration,
} from './notes/libusdt/declaration.ts';
export { sdtName } from './notes/stapsdt/name.ts';
export {
  decodeStapsdtNotes,
  encodeStapsdtNotes,
  type StapsdtNote,
  type StapsdtProbe,
} from './notes/stapsdt/note.ts';
export {
  argumentString,
  MAX_OPERANDS,
  type Operand,
  type OperandType,
  parseArguments,
} from './notes/stapsdt/operands.ts';
export { decodeText } from './object/bytes.ts';
export {
  ELFOSABI_FREEBSD,
  ELFOSABI_SOLARIS,
  type ElfFormat,
  ET_EXEC,
  ET_REL,
  PF_X,
  PT_LOAD,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_NULL,
  SHT_SUNW_dof,
  SHT_SYMTAB,
} from './object/elf/constants.ts';
export type { ElfNote, LocatedNote } from './object/elf/desc.ts';
export { ElfError } from './object/elf/error.ts';
export { encodeNotes, readNotes } from './object/elf/notes.ts';
export { type ElfFile, type ElfSection, type ElfSegment, readElf } from './object/elf/reader.ts';
export {
  MH_OBJECT,
  S_DTRACE_DOF,
  S_REGULAR,
  SECTION_TYPE,
  VM_PROT_EXECUTE,
} from './object/macho/constants.ts';
export {
  MachOError,
  type MachOFile,
  type MachOFormat,
  type MachOSection,
  type MachOSegment,
  type MachOSlice,
  machOKind,
  readMachO,
  readUniversal,
} from './object/macho/reader.ts';
export { encodeUniversal } from './object/macho/universal.ts';
export { defineImage, defineProbe, type ImageShape, type ProbeShape } from './provider/definition.ts';
