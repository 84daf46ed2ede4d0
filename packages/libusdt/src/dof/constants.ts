/**
 * Numbers of the DTrace Object Format, by the names of illumos' <sys/dtrace.h>:
 * https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/sys/dtrace.h
 * The same in XNU (bsd/sys/dtrace.h), FreeBSD (cddl/contrib/opensolaris) and dtrace-utils (include/dtrace/dof_defines.h).
 */

// dofh_ident: 16 bytes that say what the rest is.
export const DOF_MAG = [0x7f, 0x44, 0x4f, 0x46] as const;
export const DOF_ID_MODEL = 4;
export const DOF_ID_ENCODING = 5;
export const DOF_ID_VERSION = 6;
export const DOF_ID_DIFVERS = 7;
export const DOF_ID_DIFIREG = 8;
export const DOF_ID_DIFTREG = 9;
export const DOF_ID_PAD = 10;
export const DOF_ID_SIZE = 16;

export const DOF_MODEL_ILP32 = 1;
export const DOF_MODEL_LP64 = 2;
export const DOF_ENCODE_LSB = 1;
export const DOF_ENCODE_MSB = 2;
/** Instruction set of the D programs that a document may hold; providers hold none. */
export const DIF_VERSION_2 = 2;
/** Registers of that instruction set: the most that a document may ask for. */
export const DIF_DIR_NREGS = 8;
export const DIF_DTR_NREGS = 8;

// dofs_type
export const DOF_SECT_NONE = 0;
export const DOF_SECT_ECBDESC = 3;
export const DOF_SECT_PROBEDESC = 4;
export const DOF_SECT_ACTDESC = 5;
export const DOF_SECT_DIFOHDR = 6;
export const DOF_SECT_STRTAB = 8;
export const DOF_SECT_RELTAB = 10;
export const DOF_SECT_URELHDR = 12;
export const DOF_SECT_PROVIDER = 15;
export const DOF_SECT_PROBES = 16;
export const DOF_SECT_PRARGS = 17;
export const DOF_SECT_PROFFS = 18;
export const DOF_SECT_UTSNAME = 20;
export const DOF_SECT_PRENOFFS = 26;

/** Of a reference to a section: it refers to none. */
export const DOF_SECIDX_NONE = 0xffff_ffff;

/** The only flag of a section: its bytes belong to what the kernel loads. */
export const DOF_SECF_LOAD = 1;

// dofr_type
export const DOF_RELO_NONE = 0;
/** Add the load address (dofhp_addr) to the 64-bit word. */
export const DOF_RELO_SETX = 1;
/**
 * Add the address of the word itself. FreeBSD only.
 * https://github.com/freebsd/freebsd-src/blob/main/sys/cddl/contrib/opensolaris/uts/common/sys/dtrace.h
 */
export const DOF_RELO_DOFREL = 2;

/** Bytes of each structure: dof_hdr_t, dof_sec_t and so on. */
export const SIZE = {
  hdr: 64,
  sec: 32,
  provider: 44,
  /** In version 1, which knows no dofpv_prenoffs. */
  provider1: 40,
  probe: 48,
  /** In version 1, which knows no is-enabled offsets. */
  probe1: 40,
  relohdr: 12,
  relodesc: 24,
  ecbdesc: 24,
  probedesc: 24,
  offset: 4,
} as const;

/** Sizes of names with their NUL. */
export const DTRACE_PROVNAMELEN = 64;
export const DTRACE_MODNAMELEN = 64;
export const DTRACE_FUNCNAMELEN = 128;
export const DTRACE_NAMELEN = 64;
export const DTRACE_ARGTYPELEN = 128;
