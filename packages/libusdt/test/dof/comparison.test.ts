/**
 * One document of each kind that this validator and the systems' own code once judged differently, with the verdict
 * that this code gives: dtrace_dof_slurp and dtrace_helper_provider_validate of illumos, FreeBSD and XNU, and
 * usdt_parse_dof of DTrace 2, compiled as programs and run over them. docs/dof-validation.md tells how.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { DofDocument } from '../../src/dof/document.ts';
import { encodeDof } from '../../src/dof/encode.ts';
import type { DofSystemName } from '../../src/dof/systems.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { bytesFor, SYSTEMS, VERSION } from './breaches.ts';
import { documents, PLAIN, plain, plainWith } from './definitions.ts';

/** Added to a word, it changes only the upper half. */
const ADDRESS = 0x7fff_0000_0000n;

/** Of what reads memory behind the document there is no verdict: it ends in a fault, or in anything. */
type Verdict = 'takes' | 'refuses' | 'reads outside';
type Verdicts = Record<DofSystemName, Verdict>;

interface Case {
  readonly what: string;
  readonly verdicts: Verdicts;
  readonly document?: DofDocument;
  readonly change: (bytes: DataView) => void;
}

const everywhere = (verdict: Verdict): Verdicts => ({
  darwin: verdict,
  illumos: verdict,
  freebsd: verdict,
  linux: verdict,
});
const TAKEN = everywhere('takes');
/** By those that relocate. */
const RELOCATED: Verdicts = { ...everywhere('refuses'), darwin: 'takes' };

/** Sections of the plain document, in the order of encodeDof. */
const [STRTAB, PROBES, PRARGS, , PRENOFFS, PROVIDER, RELTAB, URELHDR] = [0, 1, 2, 3, 4, 5, 6, 7];

/** dof_sec_t's fields. */
const FIELD = { type: 0, align: 4, flags: 8, entsize: 12, offset: 16, size: 24 };
const headerAt = (section: number): number => 64 + section * 32;
/** Changes fields of a section's header; their upper halves are zero. */
function header(bytes: DataView, section: number, fields: Partial<Record<keyof typeof FIELD, number>>): void {
  for (const [name, value] of Object.entries(fields)) {
    bytes.setUint32(headerAt(section) + FIELD[name as keyof typeof FIELD], value, true);
  }
}
/** Changes a word of a section's contents. */
function word(bytes: DataView, section: number, at: number, value: number): void {
  bytes.setUint32(bytes.getUint32(headerAt(section) + FIELD.offset, true) + at, value, true);
}
/** Lets the first relocation hit another word of the first probe. */
const relocateAt = (at: number) => (bytes: DataView) => word(bytes, RELTAB, 8, at);

const WITHOUT = plain({ relocated: false });
/** The plain document without is-enabled offsets, and so without their section. */
const NEVER_ASKED = plain({
  providers: PLAIN.providers.map((provider) => ({
    ...provider,
    probes: provider.probes.map((probe) => ({ ...probe, enabledOffsets: [] })),
  })),
});

/** Two providers of the same sections. */
const TWO = plain({ providers: PLAIN.providers.flatMap((of) => [of, { ...of, name: 'other' }]) });
const SECOND_RELTAB = RELTAB + 7;

const CASES: readonly Case[] = [
  // These were taken, and are refused: relocations change what is looked at after them.
  {
    what: 'a relocation moves translated types out of the string table',
    verdicts: RELOCATED,
    change: relocateAt(16),
  },
  { what: "a relocation moves a probe's name there", verdicts: RELOCATED, change: relocateAt(8) },
  {
    what: 'a relocation gives is-enabled offsets to a probe that has no section for them',
    verdicts: RELOCATED,
    document: NEVER_ASKED,
    // One section fewer: RELTAB is where PROVIDER is in the plain document.
    change: (bytes) => word(bytes, RELTAB - 1, 8, 32),
  },
  {
    what: "a relocation moves a probe's offsets out of their section",
    verdicts: RELOCATED,
    change: relocateAt(24),
  },
  {
    what: 'a relocation changes the header of the section that it is for',
    verdicts: { ...TAKEN, freebsd: 'refuses' },
    document: TWO,
    change: (bytes) => {
      // The second provider's relocations become a section of no known type, whose contents are its own header.
      header(bytes, SECOND_RELTAB, { type: 27, offset: headerAt(SECOND_RELTAB), size: 32 });
      header(bytes, SECOND_RELTAB + 1, { type: 27, flags: 0 });
      word(bytes, URELHDR, 8, SECOND_RELTAB);
      word(bytes, RELTAB, 8, FIELD.flags);
      header(bytes, RELTAB, { size: 24 });
    },
  },
  {
    what: 'programs of DIF version 1',
    verdicts: everywhere('refuses'),
    change: (bytes) => bytes.setUint8(7, 1),
  },
  {
    what: 'a section of an enabling that is too small and not aligned',
    verdicts: { ...everywhere('refuses'), linux: 'takes' },
    change: (bytes) => header(bytes, URELHDR, { type: 3 }),
  },
  // These were refused, and are taken.
  {
    what: 'section headers of 64 bytes, which have none of the provider',
    verdicts: { ...TAKEN, linux: 'refuses' },
    change: (bytes) => {
      bytes.setUint32(24, 64, true);
      bytes.setUint32(28, 4, true);
    },
  },
  {
    what: 'section headers of 16 bytes, of which one is looked at',
    verdicts: { darwin: 'refuses', illumos: 'takes', freebsd: 'takes', linux: 'refuses' },
    change: (bytes) => {
      bytes.setUint32(24, 16, true);
      bytes.setUint32(28, 1, true);
    },
  },
  {
    what: 'a section of an unknown type that is not loaded',
    verdicts: TAKEN,
    change: (bytes) => header(bytes, URELHDR, { type: 27, flags: 0 }),
  },
  {
    what: 'an index of offsets that overflows 32 bits when it becomes a number of bytes',
    // Kernels read them when they make the probe, dtprobed's parser at once.
    verdicts: { ...TAKEN, linux: 'reads outside' },
    change: (bytes) => word(bytes, PROBES, 28, 0x3fff_ffff),
  },
  {
    what: 'an index of is-enabled offsets that does',
    verdicts: TAKEN,
    change: (bytes) => word(bytes, PROBES, 36, 0x4000_0000),
  },
  {
    what: 'is-enabled offsets with entries of 1 byte',
    verdicts: TAKEN,
    change: (bytes) => header(bytes, PRENOFFS, { entsize: 1 }),
  },
  {
    what: 'a probe of 40 bytes',
    verdicts: { ...TAKEN, linux: 'refuses' },
    document: WITHOUT,
    change: (bytes) => header(bytes, PROBES, { entsize: 40, size: 40 }),
  },
  {
    what: 'an empty string table behind a zero',
    verdicts: TAKEN,
    change: (bytes) => header(bytes, URELHDR, { type: 8, size: 0 }),
  },
  {
    what: 'an alignment of 0 at offset 0',
    verdicts: TAKEN,
    change: (bytes) => header(bytes, URELHDR, { type: 27, align: 0, offset: 0 }),
  },
  // Found in the comparison.
  {
    what: 'a function of 200 bytes',
    verdicts: { ...everywhere('refuses'), freebsd: 'takes' },
    document: plainWith({}, { function: 'x'.repeat(200) }),
    change: () => {},
  },
  {
    what: 'a translated argument of the native one behind the last',
    verdicts: { ...TAKEN, linux: 'refuses' },
    change: (bytes) => bytes.setUint8(bytes.getUint32(headerAt(PRARGS) + FIELD.offset, true), 2),
  },
  {
    what: 'a provider that lies beyond the document and is not loaded',
    verdicts: { ...everywhere('refuses'), darwin: 'reads outside' },
    change: (bytes) => header(bytes, PROVIDER, { flags: 0, offset: bytes.byteLength }),
  },
  {
    what: 'a string table without a zero at its end',
    verdicts: everywhere('refuses'),
    change: (bytes) => {
      header(bytes, STRTAB, { size: bytes.getUint32(headerAt(STRTAB) + FIELD.size, true) - 1 });
    },
  },
];

describe("as the systems' own code judges", () => {
  for (const { what, verdicts, document, change } of CASES) {
    test(what, () => {
      for (const system of SYSTEMS) {
        const bytes = bytesFor(document === undefined ? {} : { document }, system);
        change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        const findings = validateDof(bytes, system, { address: ADDRESS });
        const expected = verdicts[system];
        const isRefused = findings.some(({ effect }) => effect === 'refused');
        const detail = `${system}: ${JSON.stringify(findings)}`;
        assert.equal(isRefused, expected === 'refuses', detail);
        if (expected === 'reads outside')
          assert.ok(
            findings.some(({ effect }) => effect === 'wrong'),
            detail,
          );
      }
    });
  }
});

/** One to three changes, most of them where structures are: values that are sizes, indices and limits. */
const changes = fc.array(
  fc.record({
    part: fc.constantFrom('anywhere', 'headers', 'contents'),
    at: fc.nat(),
    value: fc.oneof(
      fc.constantFrom(
        0,
        1,
        2,
        3,
        4,
        8,
        16,
        24,
        32,
        40,
        48,
        64,
        0x3fff_ffff,
        0x4000_0000,
        0x8000_0000,
        0xffff_ffff,
      ),
      fc.nat(2000),
    ),
  }),
  { minLength: 1, maxLength: 3 },
);

test('ten thousand changed documents are judged, each in bounded time, and left as they are', () => {
  let slowest = 0;
  fc.assert(
    fc.property(documents, changes, fc.constantFrom(...SYSTEMS), (document, list, system) => {
      const bytes = encodeDof({ ...document, version: VERSION[system], encoding: 'LSB' });
      const view = new DataView(bytes.buffer);
      const headersEnd = headerAt(view.getUint32(28, true));
      for (const { part, at, value } of list) {
        const start = part === 'contents' ? headersEnd : 0;
        const end = part === 'headers' ? headersEnd : bytes.length - 3;
        view.setUint32(start + (((at % (end - start)) >>> 2) << 2), value, true);
      }
      const before = bytes.slice();
      const started = performance.now();
      validateDof(bytes, system, { address: ADDRESS, documentAddress: ADDRESS + 0x1000n });
      slowest = Math.max(slowest, performance.now() - started);
      assert.deepEqual(bytes, before);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(slowest < 1000, `${slowest} ms`);
});

test('a document of a million probes, each in the next, is judged within seconds', () => {
  const bytes = bytesFor({ document: WITHOUT }, 'illumos');
  const size = 4 * 2 ** 20;
  const large = new Uint8Array(bytes.length + size + 8);
  large.set(bytes);
  const view = new DataView(large.buffer);
  const start = Math.ceil(bytes.length / 8) * 8;
  // Words of 1 are a probe wherever one begins: of one native argument and one is-enabled offset.
  for (let at = start; at < start + size; at += 4) view.setUint32(at, 1, true);
  view.setBigUint64(40, BigInt(large.length), true);
  header(view, PROBES, { offset: start, size: size - 48, entsize: 8 });
  header(view, PRENOFFS, { entsize: 0 });
  const started = performance.now();
  const findings = validateDof(large, 'illumos');
  const took = performance.now() - started;
  assert.ok(findings.length <= 1001, `${findings.length}`);
  assert.ok(findings.some(({ rule }) => rule === 'probe-entry-size'));
  assert.ok(took < 10_000, `${took} ms`);
});
