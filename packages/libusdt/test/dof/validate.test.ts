/**
 * Every rule by the document that breaks it and no other, on every system that has it; and documents that break none.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodeDof } from '../../src/dof/encode.ts';
import { DOF_RULES, type DofEffect } from '../../src/dof/rules.ts';
import type { DofSystemName } from '../../src/dof/systems.ts';
import { validateDof } from '../../src/dof/validate.ts';
import { BREACHES, bytesFor, SYSTEMS, VERSION } from './breaches.ts';
import { documents, encodeElsewhere, plain, plainWith } from './definitions.ts';

/** The rules that a document breaks, with their effects, each once. */
function broken(bytes: Uint8Array, system: DofSystemName, module?: string): Record<string, DofEffect> {
  const findings = validateDof(bytes, system, module === undefined ? {} : { module });
  for (const { detail } of findings) assert.notEqual(detail, '');
  return Object.fromEntries(findings.map(({ rule, effect }) => [rule, effect]));
}

describe('each rule', () => {
  for (const breach of BREACHES) {
    const { rule, how, effects, module, systems = SYSTEMS } = breach;
    test(`${rule}: ${how}`, () => {
      for (const system of systems) {
        const found = broken(bytesFor(breach, system), system, module);
        const effect = effects[system];
        assert.deepEqual(found, effect === undefined ? {} : { [rule]: effect }, system);
      }
    });
  }

  test('is broken by one of these documents', () => {
    const tested = new Set<string>(BREACHES.map(({ rule }) => rule));
    assert.deepEqual(
      Object.keys(DOF_RULES).filter((rule) => !tested.has(rule)),
      [],
    );
  });
});

test('a document that breaks no rule is taken everywhere', () => {
  for (const system of SYSTEMS) assert.deepEqual(broken(bytesFor({}, system), system, 'app'), {}, system);
});

test('big-endian machines take big-endian documents', () => {
  const bytes = encodeDof(plain({ encoding: 'MSB' }));
  assert.deepEqual(validateDof(bytes, 'illumos', { encoding: 'MSB' }), []);
});

test('several rules may be broken at once', () => {
  const bytes = encodeDof({
    ...plainWith({ name: '9'.repeat(60) }, { offsets: [1, 1] }),
    version: 2,
  });
  const rules = Object.keys(broken(bytes, 'illumos'));
  assert.deepEqual(rules, ['provider-name-length', 'provider-name-characters', 'duplicate-offset']);
});

/** What a document of random contents may break. */
const OF_CONTENTS: readonly string[] = ['attributes', 'argument-order', 'enabled-version'];

test('what either encoder writes is well-formed', () => {
  fc.assert(
    fc.property(documents, fc.constantFrom(...SYSTEMS), fc.boolean(), (document, system, ours) => {
      const suited = { ...document, version: VERSION[system] } as const;
      const bytes = ours ? encodeDof(suited) : encodeElsewhere(suited);
      const { encoding } = document;
      const found = validateDof(bytes, system, { encoding }).filter(
        ({ rule }) => !OF_CONTENTS.includes(rule),
      );
      assert.deepEqual(found, []);
    }),
    { numRuns: 300 },
  );
});

test('a damaged document is judged, whatever the damage', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      documents,
      damage,
      fc.option(fc.nat()),
      fc.constantFrom(...SYSTEMS),
      (document, changes, cut, system) => {
        const whole = encodeDof({ ...document, version: VERSION[system], encoding: 'LSB' });
        const bytes = whole.slice(0, cut === null ? whole.length : cut % whole.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        for (const { rule } of validateDof(bytes, system)) assert.ok(rule in DOF_RULES);
      },
    ),
    { numRuns: 1000 },
  );
});
