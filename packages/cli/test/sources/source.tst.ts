import { expect, test } from 'tstyche';
import { openTracer, type Tracer } from '../../src/sources/kernel/tracer.ts';
import type { Source } from '../../src/sources/source.ts';

test("the kernel's tracer is a source", () => {
  expect<Tracer>().type.toBeAssignableTo<Source>();
  expect(openTracer).type.toBeCallableWith({ patterns: ['webapp:*'] });
  expect<ReturnType<typeof openTracer>>().type.toBeAssignableTo<Source>();
});

test('a source needs no kernel: no buffers, files or processes are in its interface', () => {
  expect<keyof Source>().type.toBe<
    | typeof Symbol.asyncIterator
    | 'epoch'
    | 'epochDate'
    | 'probes'
    | 'problems'
    | 'lost'
    | 'missed'
    | 'stop'
    | 'close'
  >();
});
