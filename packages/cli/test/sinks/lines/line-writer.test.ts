/** The lines of `usdt trace`: as bytes they are what the functions for text make of the same values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { argumentType } from '../../../src/catalogue/argument-type.ts';
import { type ProbeSite, probeTitle } from '../../../src/catalogue/probe.ts';
import { cyan, dim } from '../../../src/colours.ts';
import { Clock, formatValue } from '../../../src/output.ts';
import { ByteWriter } from '../../../src/sinks/lines/byte-writer.ts';
import { LineWriter } from '../../../src/sinks/lines/line-writer.ts';
import type { FetchArgument } from '../../../src/sources/kernel/fetch-args.ts';
import { argumentReaders, textFields } from '../../../src/sources/kernel/ringbuffer/decoder.ts';
import type { RecordLayout } from '../../../src/sources/record.ts';
import type { TracedArgument } from '../../../src/sources/source.ts';
import { shown } from '../../../src/text.ts';
import { foreignName } from '../../names.ts';

/** An argument with the bytes of its field: of text its own, undefined for what the kernel could not read. */
interface Given {
  readonly type: string;
  readonly fetch: FetchArgument;
  readonly field: Buffer;
  readonly text: Buffer | undefined;
}

function word(size: 1 | 2 | 4 | 8, bits: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, bits));
  return bytes.subarray(0, size);
}

const fetchOf = (size: 1 | 2 | 4 | 8, signed: boolean, string: boolean): FetchArgument => ({
  expressible: true,
  text: '',
  size,
  signed,
  string,
  plain: true,
});

const bits = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, -1n, 9n, 10n, 999_999_999n, 1_000_000_000n, 2n ** 32n, 2n ** 53n, 2n ** 53n - 1n),
);

const word64: fc.Arbitrary<Given> = fc
  .record({
    type: fc.constantFrom('int64_t', 'uint64_t', 'void *', 'double', 'bool', 'int64_t*1000', 'unknown_t'),
    signed: fc.boolean(),
    value: bits,
  })
  .map(({ type, signed, value }) => ({
    type,
    fetch: fetchOf(8, signed, false),
    field: word(8, value),
    text: undefined,
  }));

const small: fc.Arbitrary<Given> = fc
  .record({ size: fc.constantFrom(1 as const, 2 as const, 4 as const), signed: fc.boolean(), value: bits })
  .map(({ size, signed, value }) => ({
    type: `${signed ? '' : 'u'}int${size * 8}_t`,
    fetch: fetchOf(size, signed, false),
    field: word(size, value),
    text: undefined,
  }));

const textBytes = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[ -~]{0,40}$/).map((text) => Buffer.from(text)) },
  foreignName.map((text) => Buffer.from(text).subarray(0, 4000)),
  fc.uint8Array({ max: 255, maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...['', '(fault)', '(Fault)', '"', '\\', '{"a":"\x1b"}'].map((text) => Buffer.from(text))),
);

const text: fc.Arbitrary<Given> = fc
  .record({
    type: fc.constantFrom('char *', 'json'),
    text: fc.option(textBytes, { nil: undefined, freq: 20 }),
  })
  .map((given) => ({ ...given, fetch: fetchOf(8, false, true), field: Buffer.alloc(4) }));

const inexpressible: fc.Arbitrary<Given> = foreignName.map((reason) => ({
  type: 'int',
  fetch: { expressible: false, reason },
  field: Buffer.alloc(0),
  text: undefined,
}));

const HEADER = 8;

/** A record with these arguments behind `before` bytes of others, and how it is read. */
function made(
  provider: string,
  name: string,
  given: readonly Given[],
  before: number,
): { layout: RecordLayout; record: Buffer } {
  const fields = new Map<
    string,
    { name: string; type: string; offset: number; size: number; signed: boolean }
  >();
  const parts: Buffer[] = [Buffer.alloc(HEADER)];
  let at = HEADER;
  let textAt = HEADER + given.reduce((sum, { field }) => sum + field.length, 0);
  given.forEach(({ field, text, fetch }, index) => {
    if (fetch.expressible && fetch.string) {
      field.writeUInt32LE(text === undefined ? textAt : ((text.length + 1) << 16) | textAt);
      textAt += text === undefined ? 0 : text.length + 1;
    }
    if (fetch.expressible)
      fields.set(`arg${index}`, { name: '', type: '', offset: at, size: field.length, signed: false });
    parts.push(field);
    at += field.length;
  });
  for (const { text } of given) if (text !== undefined) parts.push(text, Buffer.alloc(1));
  const fetches = given.map(({ fetch }) => fetch);
  const types = given.map(
    ({ type }) => argumentType(type) ?? { name: type, kind: 'integer' as const, signed: undefined, scale: 1 },
  );
  const args: TracedArgument[] = types.map((type, index) => {
    const fetch = fetches[index]!;
    return { ...type, problem: fetch.expressible ? undefined : fetch.reason };
  });
  const format = { id: 1, fields };
  const names = given.map((_, index) => `arg${index}`);
  const layout: RecordLayout = {
    probe: { index: 0, provider, name, file: '', site: {} as ProbeSite, arguments: args },
    readers: argumentReaders(format, names, fetches, types),
    texts: textFields(format, names, fetches),
  };
  return { layout, record: Buffer.concat([Buffer.alloc(before, 0x41), ...parts]) };
}

test('a line is what the functions for text make of it, whatever programs, threads and probes are called', () => {
  fc.assert(
    fc.property(
      foreignName,
      foreignName,
      fc.array(fc.oneof(word64, small, text, text, inexpressible), { maxLength: 6 }),
      fc.nat(100),
      fc.integer({ min: -2e9, max: 1e13 }),
      fc.record({ pid: fc.nat(70_000), tid: fc.nat(70_000), comm: foreignName, thread: foreignName }),
      (provider, name, given, before, time, thread) => {
        const { layout, record } = made(provider, name, given, before);
        const epoch = Date.UTC(2026, 0, 31, 12, 37, 0, 999);
        const writer = new LineWriter(epoch);
        const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
        for (let i = 0; i < 2; i++) writer.write(layout, time, thread, record, view, before);

        const { pid, tid, comm } = thread;
        const own = thread.thread === comm || tid === pid ? '' : ` ${shown(thread.thread)}`;
        const who = `${shown(comm)} ${pid}${tid === pid ? '' : `/${tid}${own}`}`;
        const values = layout.probe.arguments.map((type, index) => {
          const value = formatValue(layout.readers[index]!(record, view, before), type);
          return `${shown(type.name)} arg${index}=${value}`;
        });
        const head = `${dim(new Clock(epoch).local(time))}  ${who.padEnd(20)} ${cyan(shown(probeTitle({ provider, name })))}`;
        const line = `${head}  ${values.join(', ')}\n`;
        assert.equal(Buffer.from(writer.take()).toString(), Buffer.from(line + line).toString());
      },
    ),
    { numRuns: 3000 },
  );
});

test('numbers are written as JavaScript does', () => {
  const writer = new ByteWriter();
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      writer.integer(value);
      assert.equal(Buffer.from(writer.take()).toString(), String(value));
    }),
    { numRuns: 2000 },
  );
});

test('what is written may be longer than any memory so far', () => {
  const writer = new ByteWriter();
  const part = 'ä'.repeat(1000);
  for (let i = 0; i < 5000; i++) writer.text(part);
  assert.equal(Buffer.from(writer.take()).toString(), part.repeat(5000));
  writer.text('again');
  assert.equal(Buffer.from(writer.take()).toString(), 'again');
});
