/**
 * The rules by which kernels and dtprobed judge a document, by name, in the order in which they are applied.
 */

/**
 * - `refused`: the whole document is, with an error.
 * - `dropped`: what breaks the rule is silently not there, though registration succeeds.
 * - `wrong`: it is there, and does not do what was meant; or newer versions of the system refuse the document.
 */
export type DofEffect = 'refused' | 'dropped' | 'wrong';

export const DOF_RULES = {
  // dtrace_dof_copyin, usdt_copyin
  size: 'the document has 64 bytes at least, all of them there, and less than the system takes',
  // dtrace_dof_slurp
  magic: 'it begins with 7f 44 4f 46',
  model: 'the data model is ILP32 or LP64',
  encoding: "the byte order is the machine's",
  version: 'the system knows the version',
  'dif-version': 'the system knows the version of D programs',
  'dif-registers': 'no more registers are asked for than there are',
  'ident-padding': 'the unused bytes of dofh_ident are zero',
  flags: 'dofh_flags is zero',
  'section-header-size': 'section headers have 32 bytes, or more where the system takes that',
  'section-headers': 'the section headers are within the document, at a multiple of 8',
  'load-flag': 'sections that must be loaded say so',
  'section-alignment': 'a section is aligned to a power of two, and lies at a multiple of it',
  'section-range': 'a section is within the document',
  'string-table-end': 'a string table ends with NUL',
  'relocation-header':
    'a relocation header has 12 bytes, aligned to 4, and refers to a string table, a table and a target',
  'relocation-table': 'a relocation table has entries of 24 bytes, aligned to 8',
  'relocation-type':
    'relocations add the load address (SETX), do nothing, or, on FreeBSD, add their own address (DOFREL)',
  'relocation-target':
    'a relocated word is within its section, at a multiple of 8; on FreeBSD not in the header of that section',
  'relocated-word': 'a relocated word is the address of a probe',
  // dtrace_dof_ecbdesc, dtrace_dof_probedesc
  enabling: 'an enabling is loaded, has 24 bytes, aligned to 8, and refers to what it needs',
  // all of them: what they read then is not of the document
  outside: 'what is read of the document is within it',
  // fasttrap and dtprobed take nothing from a document without providers
  'no-provider': 'there is a provider',
  // dtrace_helper_provider_validate
  'provider-section': 'a provider section is large enough, at a multiple of 4',
  'section-reference': 'the sections that a provider refers to are there, loaded, and of the right type',
  'provider-name': "a provider's name is in the string table and not longer than 63 bytes",
  'probe-entry-size':
    'probes have entries of 48 bytes, or more of a whole number of words, and there is one at least',
  'offset-entry-size': 'offsets have entries of 4 bytes, at a multiple of 4',
  'argument-entry-size': 'mappings have entries of 1 byte',
  'function-name': "a function's name is in the string table and not too long",
  'probe-name': "a probe's name is in the string table and not longer than 63 bytes",
  'probe-offsets': "a probe's offsets are within their section",
  'enabled-offsets':
    "a probe's is-enabled offsets are within their section, or none where there is no section",
  'no-offset': 'a probe has an offset',
  'argument-map': "a probe's mapping is within its section, and names native arguments that are there",
  'native-types': 'native types are in the string table, and not longer than 127 bytes',
  'translated-types': 'translated types are in the string table, and not longer than 127 bytes',
  // fasttrap_meta_provide, dtrace_register; dtprobed's files
  'provider-name-length': 'a provider has at most 53 bytes, since the process id is appended',
  'provider-name-characters':
    'a provider has letters, digits, "-", "_", "." and "`", and begins with none of the digits',
  'reserved-provider': 'a provider is not one of the system',
  attributes: 'stabilities are in the range of those that have names',
  'name-is-file': 'on Linux, names can be names of files: not empty, not "." or "..", without "/"',
  'module-name': 'the module has 63 bytes at most',
  'duplicate-offset': 'no offset of a probe occurs twice',
  'offset-span':
    'offsets of one probe lie less than 2^31 apart, and end before 2^64: their order is found by subtraction',
  'duplicate-probe': 'no two probes of a provider have the same function and name',
  // what readers do with the rest
  'enabled-version': 'is-enabled offsets are in a version where the system heeds them',
  'argument-count': 'a probe has no more arguments than the system reads',
  'argument-order': 'the mapping keeps the order: kernels fetch others from wrong places',
} as const;

export type DofRule = keyof typeof DOF_RULES;

/** A rule that is broken. */
export interface DofFinding {
  readonly rule: DofRule;
  readonly effect: DofEffect;
  /** What breaks it, and how. For people. */
  readonly detail: string;
}
