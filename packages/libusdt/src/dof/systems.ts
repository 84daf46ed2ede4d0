/**
 * Where the systems that take DOF differ. Linux is dtprobed of DTrace 2.0.7; what newer sources refuse is `wrong` there.
 *
 * - illumos: https://github.com/illumos/illumos-gate/blob/master/usr/src/uts/common/dtrace/dtrace.c and fasttrap.c
 * - FreeBSD: https://github.com/freebsd/freebsd-src/blob/main/sys/cddl/contrib/opensolaris/uts/common/dtrace/dtrace.c
 * - macOS: https://github.com/apple-oss-distributions/xnu/blob/main/bsd/dev/dtrace/dtrace.c
 * - Linux: https://github.com/oracle/dtrace-utils/blob/devel/libcommon/usdt_parser_dof.c
 */

import { DOF_RELO_DOFREL, DOF_RELO_NONE, DOF_RELO_SETX, DTRACE_FUNCNAMELEN, SIZE } from './constants.ts';

export type DofSystemName = 'darwin' | 'illumos' | 'freebsd' | 'linux';

export interface DofSystem {
  readonly name: DofSystemName;
  /** Accepted values of DOF_ID_VERSION and DOF_ID_DIFVERS. */
  readonly versions: readonly number[];
  readonly difVersions: readonly number[];
  /** dtrace_dof_maxsize, usdt_maxsize: a document must be smaller. Bytes. */
  readonly maxSize: number;
  /** Are sections that must be loaded refused without their flag, and are relocations applied? */
  readonly relocates: boolean;
  /** Those that it applies: DOF_RELO_*. */
  readonly relocations: readonly number[];
  /**
   * Does it see to it that a relocation does not change the header of the section that it is for? FreeBSD:
   * dtrace_dof_relocate, ts_end.
   */
  readonly guardsHeaders: boolean;
  /** Does it leave words alone that are greater than the load address, as one that the dynamic loader was at? */
  readonly leavesRelocated: boolean;
  /** Least bytes of a section header. They have to be a multiple of 8. */
  readonly leastSectionHeader: number;
  /** Does it look at the sections of enablings, programs that are to run in a process? */
  readonly readsEnablings: boolean;
  /** What becomes of a probe in a function of too long a name; FreeBSD makes the others. */
  readonly longFunction: 'refused' | 'dropped';
  /** Bytes of a function's name, NUL included. */
  readonly functionLength: number;
  /** Provider names that the system keeps for itself. */
  readonly reserved: readonly string[];
  /** What becomes of a probe with one offset twice. */
  readonly duplicateOffset: 'refused' | 'dropped';
  /** What becomes of the second probe of the same function and name. macOS shows both. */
  readonly duplicateProbe: 'refused' | 'dropped' | 'allowed';
  /** Names become files of the daemon, under /run/dtrace. */
  readonly namesAreFiles: boolean;
  /** The first version whose is-enabled offsets count. */
  readonly enabledOffsetsSince: number;
  /** Most arguments of a probe that are read; more overrun the daemon's table. */
  readonly maxArguments: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const RELOCATIONS = [DOF_RELO_NONE, DOF_RELO_SETX];
/** Bytes of a word: where zero is no size, and sizes are multiples of it. */
const WORD = 8;
/** nargc and xargc are one byte. */
const ANY_NUMBER = 255;

export const DOF_SYSTEMS: Readonly<Record<DofSystemName, DofSystem>> = {
  darwin: {
    name: 'darwin',
    versions: [3],
    difVersions: [2],
    maxSize: 512 * KIB,
    relocates: false,
    relocations: [],
    guardsHeaders: false,
    leavesRelocated: false,
    leastSectionHeader: SIZE.sec,
    readsEnablings: true,
    longFunction: 'refused',
    functionLength: DTRACE_FUNCNAMELEN,
    reserved: ['pid', 'objc', 'oneshot'],
    duplicateOffset: 'dropped',
    duplicateProbe: 'allowed',
    namesAreFiles: false,
    enabledOffsetsSince: 3,
    maxArguments: ANY_NUMBER,
  },
  illumos: {
    name: 'illumos',
    versions: [1, 2],
    difVersions: [2],
    maxSize: 8 * MIB,
    relocates: true,
    relocations: RELOCATIONS,
    guardsHeaders: false,
    leavesRelocated: false,
    leastSectionHeader: WORD,
    readsEnablings: true,
    longFunction: 'refused',
    functionLength: DTRACE_FUNCNAMELEN,
    reserved: ['pid'],
    duplicateOffset: 'dropped',
    duplicateProbe: 'dropped',
    namesAreFiles: false,
    enabledOffsetsSince: 2,
    maxArguments: ANY_NUMBER,
  },
  freebsd: {
    name: 'freebsd',
    versions: [1, 2],
    difVersions: [2],
    maxSize: 8 * MIB,
    relocates: true,
    relocations: [...RELOCATIONS, DOF_RELO_DOFREL],
    guardsHeaders: true,
    leavesRelocated: false,
    leastSectionHeader: WORD,
    readsEnablings: true,
    longFunction: 'dropped',
    // sys/cddl/contrib/opensolaris/uts/common/sys/dtrace.h has 192.
    functionLength: 192,
    reserved: ['pid'],
    duplicateOffset: 'dropped',
    duplicateProbe: 'dropped',
    namesAreFiles: false,
    enabledOffsetsSince: 2,
    maxArguments: ANY_NUMBER,
  },
  linux: {
    name: 'linux',
    versions: [1, 2, 3],
    difVersions: [2],
    maxSize: 256 * MIB,
    relocates: true,
    relocations: RELOCATIONS,
    guardsHeaders: false,
    leavesRelocated: true,
    leastSectionHeader: WORD,
    readsEnablings: false,
    longFunction: 'refused',
    functionLength: DTRACE_FUNCNAMELEN,
    reserved: ['pid'],
    duplicateOffset: 'refused',
    duplicateProbe: 'refused',
    namesAreFiles: true,
    enabledOffsetsSince: 3,
    // libdtrace/dt_dctx.h: dt_mstate_t has argv[10].
    maxArguments: 10,
  },
};
