/**
 * Ordinary and odd JavaScript values, and what each must become.
 */

export interface Row {
  readonly name: string;
  /** Made anew for each test: some values change when they are used. */
  readonly make: () => unknown;
  /** As integers and doubles see it; `floating` where doubles see something else. */
  readonly number: number | bigint;
  readonly floating?: number;
  readonly text: string | RegExp;
  readonly json: string | RegExp;
  readonly truth: 0 | 1;
  /** What `void *` points to; nothing: the null pointer. */
  readonly bytes?: readonly number[];
}

/** A value whose conversions all throw. */
const evil = (error: unknown): object => {
  const raise = (): never => {
    throw error;
  };
  return { valueOf: raise, toString: raise, toJSON: raise };
};

function proxyThatThrows(): object {
  const handler = new Proxy({}, { get: () => () => raise('trapped') });
  return new Proxy({}, handler);
}

function revokedProxy(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function raise(message: string): never {
  throw new Error(message);
}

function cyclic(): object {
  const value: Record<string, unknown> = { a: 1 };
  value.self = value;
  return value;
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function filled<T extends ArrayBuffer | SharedArrayBuffer>(buffer: T): T {
  new Uint8Array(buffer).set([1, 2, 3, 4]);
  return buffer;
}

/** What needs no words: numbers. Text and JSON are those of JavaScript. */
const numeric = (
  value: number,
  text: string,
  json: string = Number.isFinite(value) ? text : 'null',
): Row => ({
  name: Object.is(value, -0) ? '-0' : text,
  make: () => value,
  number: value,
  text,
  json,
  truth: value !== 0 && !Number.isNaN(value) ? 1 : 0,
});

const big = (value: bigint): Row => ({
  name: `${value}n`,
  make: () => value,
  number: value,
  text: `${value}`,
  json: `"${value}"`,
  truth: value === 0n ? 0 : 1,
});

const digits = (text: string, number: number | bigint, floating = Number(number)): Row => ({
  name: JSON.stringify(text),
  make: () => text,
  number,
  floating,
  text,
  json: JSON.stringify(text),
  truth: text === '' ? 0 : 1,
});

export const VALUES: readonly Row[] = [
  { name: 'undefined', make: () => undefined, number: 0, text: 'undefined', json: 'undefined', truth: 0 },
  { name: 'null', make: () => null, number: 0, text: 'null', json: 'null', truth: 0 },
  { name: 'true', make: () => true, number: 1, text: 'true', json: 'true', truth: 1 },
  { name: 'false', make: () => false, number: 0, text: 'false', json: 'false', truth: 0 },

  numeric(0, '0'),
  numeric(-0, '0'),
  numeric(1, '1'),
  numeric(-1, '-1'),
  numeric(1.9, '1.9'),
  numeric(-1.9, '-1.9'),
  numeric(127, '127'),
  numeric(128, '128'),
  numeric(255, '255'),
  numeric(256, '256'),
  numeric(32768, '32768'),
  numeric(65536, '65536'),
  numeric(2 ** 31, '2147483648'),
  numeric(-(2 ** 31) - 1, '-2147483649'),
  numeric(2 ** 32 - 1, '4294967295'),
  numeric(2 ** 32, '4294967296'),
  numeric(-(2 ** 32), '-4294967296'),
  numeric(2 ** 53, '9007199254740992'),
  numeric(-(2 ** 53) - 2, '-9007199254740994'),
  numeric(2 ** 63, '9223372036854776000'),
  numeric(2 ** 64, '18446744073709552000'),
  numeric(1e300, '1e+300'),
  numeric(5e-324, '5e-324'),
  numeric(Number.NaN, 'NaN'),
  numeric(Number.POSITIVE_INFINITY, 'Infinity'),
  numeric(Number.NEGATIVE_INFINITY, '-Infinity'),

  big(0n),
  big(-1n),
  big(2n ** 53n + 1n),
  big(2n ** 63n - 1n),
  big(2n ** 63n),
  big(2n ** 64n - 1n),
  big(2n ** 64n + 5n),
  big(-(2n ** 63n) - 1n),
  big(-(2n ** 100n) + 7n),

  digits('', 0),
  digits('42', 42),
  digits(' -42\n', -42),
  digits('+7', 7),
  digits('0x1f', 31),
  digits('1e3', 1000),
  digits('1.9', 1.9),
  digits('12abc', Number.NaN),
  digits('9007199254740993', 9007199254740993n),
  digits('18446744073709551615', 18446744073709551615n),
  digits('-9223372036854775808', -(2n ** 63n)),
  { ...digits('-0', 0n), floating: -0 },

  { name: 'a symbol', make: () => Symbol('s'), number: 0, text: 'Symbol(s)', json: 'undefined', truth: 1 },
  {
    name: 'a function',
    make: () => Math.max,
    number: Number.NaN,
    text: 'function max() { [native code] }',
    json: 'undefined',
    truth: 1,
  },
  { name: '{}', make: () => ({}), number: Number.NaN, text: '[object Object]', json: '{}', truth: 1 },
  { name: '[]', make: () => [], number: 0, text: '', json: '[]', truth: 1 },
  { name: '[7]', make: () => [7], number: 7, text: '7', json: '[7]', truth: 1 },
  {
    name: 'a Date',
    make: () => new Date(86_400_000),
    number: 86_400_000,
    text: /^\w{3} Jan 0[12] 1970 /,
    json: '"1970-01-02T00:00:00.000Z"',
    truth: 1,
  },
  {
    name: 'an object without a prototype',
    make: () => Object.create(null),
    number: 0,
    text: '[threw: Cannot convert object to primitive value]',
    json: '{}',
    truth: 1,
  },
  {
    name: 'valueOf',
    make: () => ({ valueOf: () => 300.7 }),
    number: 300.7,
    text: '[object Object]',
    json: '{}',
    truth: 1,
  },
  {
    name: 'valueOf with a bigint',
    make: () => ({ valueOf: () => 2n ** 40n }),
    number: 2n ** 40n,
    text: '[object Object]',
    json: '{}',
    truth: 1,
  },
  {
    name: 'Symbol.toPrimitive',
    make: () => ({ [Symbol.toPrimitive]: (hint: string) => (hint === 'number' ? 9 : `hint ${hint}`) }),
    number: 9,
    text: 'hint string',
    json: '{}',
    truth: 1,
  },
  {
    name: 'Symbol.toPrimitive that gives an object',
    make: () => ({ [Symbol.toPrimitive]: () => ({}) }),
    number: 0,
    text: '[threw: Cannot convert object to primitive value]',
    json: '{}',
    truth: 1,
  },
  {
    name: 'conversions that throw',
    make: () => evil(new Error('no')),
    number: 0,
    text: '[threw: no]',
    json: '{"error":"no"}',
    truth: 1,
  },
  {
    name: 'conversions that throw undefined',
    make: () => evil(undefined),
    number: 0,
    text: '[threw: undefined]',
    json: '{"error":"undefined"}',
    truth: 1,
  },
  {
    name: 'conversions that throw what throws',
    make: () => evil(evil(1)),
    number: 0,
    text: '[threw: an error without a message]',
    json: '{"error":"an error without a message"}',
    truth: 1,
  },
  {
    name: 'conversions that throw an error without a message',
    make: () => evil(Object.defineProperty(new Error(), 'message', { get: () => raise('again') })),
    number: 0,
    text: '[threw: an error without a message]',
    json: '{"error":"an error without a message"}',
    truth: 1,
  },
  {
    name: 'a proxy that throws',
    make: proxyThatThrows,
    number: 0,
    text: '[threw: trapped]',
    json: '{"error":"trapped"}',
    truth: 1,
  },
  {
    name: 'a revoked proxy',
    make: revokedProxy,
    number: 0,
    text: /^\[threw: Cannot perform 'get' on a proxy that has been revoked\]$/,
    json: /^\{"error":"Cannot perform 'get' on a proxy that has been revoked"\}$/,
    truth: 1,
  },
  {
    name: 'a cycle',
    make: cyclic,
    number: Number.NaN,
    text: '[object Object]',
    json: /^\{"error":"Converting circular structure to JSON/,
    truth: 1,
  },
  {
    name: 'bigints inside',
    make: () => ({ a: 1n, b: [2n] }),
    number: Number.NaN,
    text: '[object Object]',
    json: '{"a":"1","b":["2"]}',
    truth: 1,
  },
  {
    name: 'toJSON',
    make: () => ({ a: 1, toJSON: () => ({ b: 2 }) }),
    number: Number.NaN,
    text: '[object Object]',
    json: '{"b":2}',
    truth: 1,
  },
  {
    name: 'toJSON that gives undefined',
    make: () => ({ toJSON: () => undefined }),
    number: Number.NaN,
    text: '[object Object]',
    json: 'undefined',
    truth: 1,
  },
  {
    name: 'a getter that throws',
    make: () => ({
      get a(): never {
        return raise('getter');
      },
    }),
    number: Number.NaN,
    text: '[object Object]',
    json: '{"error":"getter"}',
    truth: 1,
  },

  {
    name: 'a Buffer',
    make: () => Buffer.from([65, 0, 255]),
    number: Number.NaN,
    text: 'A',
    json: '{"type":"Buffer","data":[65,0,255]}',
    truth: 1,
    bytes: [65, 0, 255],
  },
  {
    name: 'a slice of a Buffer',
    make: () => Buffer.from([1, 2, 3, 4, 5]).subarray(2, 4),
    number: Number.NaN,
    text: '\u0003\u0004',
    json: '{"type":"Buffer","data":[3,4]}',
    truth: 1,
    bytes: [3, 4],
  },
  {
    name: 'a Uint16Array at an offset',
    make: () => new Uint16Array(Uint8Array.of(0, 0, 7, 8, 9, 10).buffer, 2),
    number: Number.NaN,
    text: '2055,2569',
    json: '{"0":2055,"1":2569}',
    truth: 1,
    bytes: [7, 8, 9, 10],
  },
  {
    name: 'a DataView',
    make: () => new DataView(Uint8Array.of(5, 6, 7, 8).buffer, 1, 2),
    number: Number.NaN,
    text: '[object DataView]',
    json: '{}',
    truth: 1,
    bytes: [6, 7],
  },
  {
    name: 'an ArrayBuffer',
    make: () => filled(new ArrayBuffer(4)),
    number: Number.NaN,
    text: '[object ArrayBuffer]',
    json: '{}',
    truth: 1,
    bytes: [1, 2, 3, 4],
  },
  {
    name: 'a SharedArrayBuffer',
    make: () => filled(new SharedArrayBuffer(4)),
    number: Number.NaN,
    text: '[object SharedArrayBuffer]',
    json: '{}',
    truth: 1,
    bytes: [1, 2, 3, 4],
  },
  {
    name: 'an empty Uint8Array',
    make: () => new Uint8Array(0),
    number: 0,
    text: '',
    json: '{}',
    truth: 1,
    bytes: [],
  },
  {
    name: 'a detached ArrayBuffer',
    make: detached,
    number: Number.NaN,
    text: '[object ArrayBuffer]',
    json: '{}',
    truth: 1,
  },
];
