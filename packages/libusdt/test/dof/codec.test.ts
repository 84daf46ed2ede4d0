/**
 * DOF against bytes that were written down by hand, against another encoder, and against itself.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  dofAttributes,
  LIBUSDT_ATTRIBUTES,
  packAttribute,
  unpackAttribute,
} from '../../src/dof/attributes.ts';
import { decodeDof, decodeDofs, readDofFormat, splitDofs } from '../../src/dof/decode.ts';
import type { DofDocument } from '../../src/dof/document.ts';
import { encodeDof } from '../../src/dof/encode.ts';
import { DofError } from '../../src/dof/error.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { DEFAULT_ATTRIBUTES } from '../../src/model/attributes.ts';
import { documents, encodeElsewhere, PLAIN, plain, plainWith } from './definitions.ts';

/** Hexadecimal digits, with a comment on each line. */
function bytesOf(listing: string): Uint8Array {
  const lines = listing.split('\n').map((line) => line.split('//')[0]!);
  return Uint8Array.from(Buffer.from(lines.join('').replace(/\s/g, ''), 'hex'));
}

const LITTLE: DofDocument = {
  model: 'LP64',
  encoding: 'LSB',
  version: 2,
  relocated: false,
  providers: [
    {
      name: 'web',
      attributes: dofAttributes(DEFAULT_ATTRIBUTES),
      probes: [
        {
          function: 'f',
          name: 'go',
          addr: 0x7fff_1234_5000n,
          offsets: [0x10],
          enabledOffsets: [8],
          nativeTypes: ['int', 'char *'],
          translatedTypes: ['char *'],
          mapping: [1],
        },
      ],
    },
  ],
};

const LITTLE_BYTES = bytesOf(`
  7f 44 4f 46  02 01 02 02  08 08 00 00 00 00 00 00          // dofh_ident: LP64, LSB, version 2, DIF 2, 8 and 8 registers
  00 00 00 00  40 00 00 00  20 00 00 00  06 00 00 00         // flags, hdrsize 64, secsize 32, secnum 6
  40 00 00 00 00 00 00 00   88 01 00 00 00 00 00 00          // secoff 64, loadsz
  88 01 00 00 00 00 00 00   00 00 00 00 00 00 00 00          // filesz, pad
  08 00 00 00  01 00 00 00  01 00 00 00  00 00 00 00         // 0: STRTAB, align 1, LOAD, entsize 0
  00 01 00 00 00 00 00 00   1c 00 00 00 00 00 00 00          //    at 0x100, 0x1c bytes
  10 00 00 00  08 00 00 00  01 00 00 00  30 00 00 00         // 1: PROBES, align 8, LOAD, entsize 48
  20 01 00 00 00 00 00 00   30 00 00 00 00 00 00 00
  11 00 00 00  01 00 00 00  01 00 00 00  01 00 00 00         // 2: PRARGS, align 1, LOAD, entsize 1
  50 01 00 00 00 00 00 00   01 00 00 00 00 00 00 00
  12 00 00 00  04 00 00 00  01 00 00 00  04 00 00 00         // 3: PROFFS, align 4, LOAD, entsize 4
  54 01 00 00 00 00 00 00   04 00 00 00 00 00 00 00
  1a 00 00 00  04 00 00 00  01 00 00 00  04 00 00 00         // 4: PRENOFFS, align 4, LOAD, entsize 4
  58 01 00 00 00 00 00 00   04 00 00 00 00 00 00 00
  0f 00 00 00  04 00 00 00  01 00 00 00  2c 00 00 00         // 5: PROVIDER, align 4, LOAD, entsize 44
  5c 01 00 00 00 00 00 00   2c 00 00 00 00 00 00 00
  00  66 00  67 6f 00  69 6e 74 00  63 68 61 72 20 2a 00     // "" 1:"f" 3:"go" 6:"int" 10:"char *"
  63 68 61 72 20 2a 00  77 65 62 00  00 00 00 00             // 17:"char *" 24:"web", padding
  00 50 34 12 ff 7f 00 00                                    // dofpr_addr
  01 00 00 00  03 00 00 00  06 00 00 00  11 00 00 00         // func, name, nargv, xargv
  00 00 00 00  00 00 00 00                                   // argidx, offidx
  02  01  01 00  00 00 00 00  01 00  00 00  00 00 00 00      // nargc, xargc, noffs, enoffidx, nenoffs, pad1, pad2
  01  00 00 00                                               // args[0] is the second; padding
  10 00 00 00                                                // offset
  08 00 00 00                                                // is-enabled offset
  00 00 00 00  01 00 00 00  02 00 00 00  03 00 00 00         // strtab, probes, prargs, proffs
  18 00 00 00                                                // name
  00 04 05 05  00 00 01 01  00 00 01 01                      // provider Evolving/Evolving/ISA; Private/Private/Unknown
  00 04 05 05  00 04 05 05                                   // name, args
  04 00 00 00                                                // prenoffs
`);

const BIG: DofDocument = {
  model: 'ILP32',
  encoding: 'MSB',
  version: 1,
  relocated: true,
  providers: [
    {
      name: 'p',
      attributes: LIBUSDT_ATTRIBUTES,
      probes: [
        {
          function: 'f',
          name: 'n',
          addr: 0x1234n,
          offsets: [0x8000_0002, 4],
          enabledOffsets: [],
          nativeTypes: [],
          translatedTypes: [],
          mapping: [],
        },
      ],
    },
  ],
};

const BIG_BYTES = bytesOf(`
  7f 44 4f 46  01 02 01 02  08 08 00 00 00 00 00 00          // dofh_ident: ILP32, MSB, version 1
  00 00 00 00  00 00 00 40  00 00 00 20  00 00 00 07
  00 00 00 00 00 00 00 40   00 00 00 00 00 00 01 b4
  00 00 00 00 00 00 01 b4   00 00 00 00 00 00 00 00
  00 00 00 08  00 00 00 01  00 00 00 01  00 00 00 00         // 0: STRTAB
  00 00 00 00 00 00 01 20   00 00 00 00 00 00 00 07
  00 00 00 10  00 00 00 08  00 00 00 01  00 00 00 30         // 1: PROBES
  00 00 00 00 00 00 01 28   00 00 00 00 00 00 00 30
  00 00 00 11  00 00 00 01  00 00 00 01  00 00 00 01         // 2: PRARGS, one byte that nobody reads
  00 00 00 00 00 00 01 58   00 00 00 00 00 00 00 01
  00 00 00 12  00 00 00 04  00 00 00 01  00 00 00 04         // 3: PROFFS
  00 00 00 00 00 00 01 5c   00 00 00 00 00 00 00 08
  00 00 00 0f  00 00 00 04  00 00 00 01  00 00 00 28         // 4: PROVIDER, 40 bytes
  00 00 00 00 00 00 01 64   00 00 00 00 00 00 00 28
  00 00 00 0a  00 00 00 08  00 00 00 01  00 00 00 18         // 5: RELTAB, align 8, entsize 24
  00 00 00 00 00 00 01 90   00 00 00 00 00 00 00 18
  00 00 00 0c  00 00 00 04  00 00 00 01  00 00 00 00         // 6: URELHDR, align 4
  00 00 00 00 00 00 01 a8   00 00 00 00 00 00 00 0c
  00  66 00  6e 00  70 00  00                                // 1:"f" 3:"n" 5:"p"
  00 00 00 00 00 00 12 34
  00 00 00 01  00 00 00 03  00 00 00 00  00 00 00 00
  00 00 00 00  00 00 00 00
  00  00  00 02  00 00 00 00  00 00  00 00  00 00 00 00      // two offsets
  00  00 00 00
  80 00 00 02  00 00 00 04
  00 00 00 00  00 00 00 01  00 00 00 02  00 00 00 03  00 00 00 05
  06 06 06 00  06 06 06 00  06 06 06 00  06 06 06 00  06 06 06 00
  00 00 00 00
  00 00 00 00  00 00 00 01  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  // SETX of the word at 0 of the target
  00 00 00 00  00 00 00 05  00 00 00 01                      // strtab, relsec, tgtsec
`);

test('bytes as the specification has them: little-endian, 64 bits, is-enabled offsets', () => {
  assert.equal(Buffer.from(encodeDof(LITTLE)).toString('hex'), Buffer.from(LITTLE_BYTES).toString('hex'));
  assert.deepEqual(decodeDof(LITTLE_BYTES), LITTLE);
});

test('bytes as the specification has them: big-endian, 32 bits, version 1, relocations', () => {
  assert.equal(Buffer.from(encodeDof(BIG)).toString('hex'), Buffer.from(BIG_BYTES).toString('hex'));
  assert.deepEqual(decodeDof(BIG_BYTES), BIG);
});

test('what another encoder wrote is read', () => {
  fc.assert(
    fc.property(documents, (document) => {
      assert.deepEqual(decodeDof(encodeElsewhere(document)), document);
    }),
    { numRuns: 200 },
  );
});

test('what was written is read again', () => {
  fc.assert(
    fc.property(documents, (document) => {
      const bytes = encodeDof(document);
      assert.deepEqual(decodeDof(bytes), document);
      assert.deepEqual(encodeDof(structuredClone(document)), bytes, 'the same bytes each time');
      const { model, encoding, version } = document;
      assert.deepEqual(readDofFormat(bytes), { model, encoding, version });
    }),
    { numRuns: 200 },
  );
});

test('the documents of several objects, linked into one section', () => {
  const bytes = [PLAIN, LITTLE, plain({ version: 3 })].map(encodeDof);
  const section = new Uint8Array(bytes.reduce((sum, { length }) => sum + Math.ceil(length / 8) * 8, 0) + 128);
  let at = 0;
  for (const document of bytes) {
    section.set(document, at);
    at += Math.ceil(document.length / 8) * 8;
  }
  assert.deepEqual(decodeDofs(section), [PLAIN, LITTLE, plain({ version: 3 })]);
});

test('a document that can not be read ends the list, and those before it are there', () => {
  const first = encodeDof(PLAIN);
  const section = new Uint8Array(Math.ceil(first.length / 8) * 8 + 200);
  section.set(first);
  section.set(encodeDof(LITTLE).subarray(0, 100), Math.ceil(first.length / 8) * 8);
  section[Math.ceil(first.length / 8) * 8 + 2] = 0;
  const [whole, broken, ...more] = splitDofs(section);
  assert.deepEqual(decodeDof(whole!), PLAIN);
  assert.equal(broken!.length, 200);
  assert.throws(() => decodeDof(broken!), /no DOF magic/);
  assert.deepEqual(more, []);
  assert.deepEqual(splitDofs(new Uint8Array()), []);
});

test("FreeBSD's linker makes addresses that count from where they are", () => {
  const bytes = encodeDof({ ...LITTLE, relocated: true });
  const view = new DataView(bytes.buffer);
  const sections = Array.from({ length: view.getUint32(28, true) }, (_, index) => 64 + 32 * index);
  const placeOf = (type: number): number =>
    Number(view.getBigUint64(sections.find((at) => view.getUint32(at, true) === type)! + 16, true));
  const [reltab, probes] = [placeOf(10), placeOf(16)];
  assert.equal(view.getUint32(reltab + 4, true), 1);
  view.setUint32(reltab + 4, 2, true);
  const { relocated, providers } = decodeDof(bytes);
  assert.equal(relocated, true);
  assert.equal(providers[0]!.probes[0]!.addrFrom, probes);
  const broken = (system: 'freebsd' | 'illumos'): string[] =>
    validateDof(bytes, system).map(({ rule }) => rule);
  // The mapping of LITTLE is no identity.
  assert.deepEqual(broken('freebsd'), ['argument-order']);
  assert.deepEqual(broken('illumos'), ['relocation-type']);
});

test('a document that refers to the same again and again is refused, not worked off', () => {
  // Each probe has the name of one and the same function.
  const text = 'x'.repeat(60_000);
  const probe = { ...LITTLE.providers[0]!.probes[0]!, function: text };
  const withProbes = (count: number): Uint8Array =>
    encodeDof({ ...LITTLE, providers: [{ ...LITTLE.providers[0]!, probes: Array(count).fill(probe) }] });
  assert.ok(withProbes(2000).length < 200_000);
  assert.equal(decodeDof(withProbes(1000)).providers[0]!.probes.length, 1000);
  assert.throws(() => decodeDof(withProbes(2000)), /again and again/);
});

test('a damaged document is refused or read, never more than that', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(documents, damage, fc.option(fc.nat()), (document, changes, cut) => {
      const whole = encodeDof(document);
      const bytes = whole.slice(0, cut === null ? whole.length : cut % whole.length);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      try {
        decodeDofs(bytes);
      } catch (error) {
        if (!(error instanceof DofError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});

test('what the format cannot hold is not written', () => {
  const refuse = (document: DofDocument, words: RegExp): void => {
    assert.throws(() => encodeDof(document), { name: 'RangeError', message: words });
  };
  refuse(plain({ version: 1 }), /request-done: version 1 has no is-enabled offsets/);
  refuse(plainWith({}, { offsets: [-1] }), /offset must be an integer of 32 bits: -1/);
  refuse(plainWith({}, { offsets: [2 ** 32] }), /offset must be/);
  refuse(plainWith({}, { offsets: [1.5] }), /offset must be/);
  refuse(plainWith({}, { addr: -1 }), /address must be an integer of 64 bits/);
  refuse({ ...plainWith({}, { addr: 2 ** 32 }), model: 'ILP32' }, /address must be an integer of 32 bits/);
  refuse(plainWith({}, { mapping: [0, 2] }), /no native argument 2/);
  refuse(plainWith({}, { mapping: [0] }), /1 mappings for 2 types/);
  refuse(
    plainWith({}, { nativeTypes: Array.from({ length: 256 }, () => 'int') }),
    /number of native arguments/,
  );
  refuse(plainWith({}, { offsets: Array.from({ length: 65536 }, (_, i) => i) }), /number of offsets/);
  refuse(plainWith({}, { name: 'a\0b' }), /NUL/);
  refuse(plainWith({}, { nativeTypes: ['int\0', 'int'] }), /NUL/);
  refuse(plainWith({ attributes: { ...LIBUSDT_ATTRIBUTES, modattr: 2 ** 32 } }), /modattr must be/);
});

test('attributes are words, and back', () => {
  assert.equal(packAttribute(['Evolving', 'Stable', 'ISA']), 0x05060400);
  assert.deepEqual(unpackAttribute(0x05060400), ['Evolving', 'Stable', 'ISA']);
  assert.equal(unpackAttribute(0x08000000), undefined);
  assert.equal(unpackAttribute(LIBUSDT_ATTRIBUTES.provattr), undefined, 'its class has no name');
});

test('ten thousand probes take as many bytes each as ten', () => {
  const size = (count: number): number => {
    const [web] = PLAIN.providers;
    const probes = Array.from({ length: count }, (_, i) => ({
      ...web!.probes[0]!,
      name: `probe-${String(i).padStart(5, '0')}`,
    }));
    return encodeDof({ ...PLAIN, providers: [{ ...web!, probes }] }).length;
  };
  // But for the padding between sections.
  const each = (size(10_000) - size(100)) / 9900;
  assert.equal(Math.round(each), Math.round((size(100) - size(10)) / 90));
});
