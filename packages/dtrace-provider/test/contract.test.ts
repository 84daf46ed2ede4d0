/**
 * The contract of dtrace-provider 0.8 while nobody traces: what its compiled part does, and, where the stub that Linux
 * users have today does the same, both side by side.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { type DropIn, dropIn, original, PACKAGE } from './support.ts';

const folder = temporaryFolder();
process.env.LIBUSDT_DIR = folder;

const MAIN = `${PACKAGE}dist/index.cjs`;

function run(script: string, env: NodeJS.ProcessEnv = {}, ...flags: readonly string[]) {
  return spawnSync(process.execPath, [...flags, '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
}

for (const [name, dtrace] of [
  ['the drop-in', dropIn],
  ['the stub on npm', original],
] as const satisfies readonly (readonly [string, DropIn])[]) {
  describe(`what programs do with either: ${name}`, () => {
    test('exports two things', () => {
      assert.deepEqual(Object.keys(dtrace).sort(), ['DTraceProvider', 'createDTraceProvider']);
      assert.deepEqual(Reflect.ownKeys(dtrace).length, 2);
    });

    test('createDTraceProvider makes a DTraceProvider', () => {
      assert.ok(dtrace.createDTraceProvider('nodeapp') instanceof dtrace.DTraceProvider);
      assert.ok(dtrace.createDTraceProvider('nodeapp', 'module') instanceof dtrace.DTraceProvider);
      assert.ok(new dtrace.DTraceProvider('nodeapp') instanceof dtrace.DTraceProvider);
    });

    test('a probe is also a property of its provider', () => {
      const provider = dtrace.createDTraceProvider('nodeapp');
      const probe = provider.addProbe('log-info', 'char *');
      assert.equal(provider['log-info'], probe);
      assert.ok(Object.keys(provider).includes('log-info'));
    });

    test('methods are on the prototype, for those who apply them', () => {
      const provider = dtrace.createDTraceProvider('ldapjs');
      const { addProbe } = dtrace.DTraceProvider.prototype;
      const probe = addProbe.apply(provider, ['server-bind', 'char *', 'int']);
      assert.equal(provider['server-bind'], probe);
      for (const method of ['addProbe', 'enable', 'fire', 'disable']) {
        assert.ok(Object.hasOwn(dtrace.DTraceProvider.prototype, method), method);
      }
      dtrace.DTraceProvider.prototype.enable.call(provider);
    });

    test('provider and probe take properties of the program', () => {
      const provider = dtrace.createDTraceProvider('moray');
      const probe = provider.addProbe('client_close', 'json');
      const fast = { probe };
      provider._fast_probes = fast;
      provider.nextId = () => 1;
      probe.dtp = provider;
      assert.equal(probe.dtp, provider);
      assert.equal(provider._fast_probes, fast);
    });

    test('a probe may take the name of a method', () => {
      const provider = dtrace.createDTraceProvider('nodeapp');
      const fire = provider.addProbe('fire', 'int');
      const enable = provider.addProbe('enable');
      assert.equal(provider.fire, fire);
      assert.equal(provider.enable, enable);
      dtrace.DTraceProvider.prototype.enable.call(provider);
      dtrace.DTraceProvider.prototype.disable.call(provider);
    });

    test('enable, disable and an untraced fire return undefined and call nothing', () => {
      const provider = dtrace.createDTraceProvider('nodeapp');
      const probe = provider.addProbe('p', 'int');
      let calls = 0;
      assert.equal(provider.enable(), undefined);
      assert.equal(provider.enable(), undefined);
      assert.equal(
        probe.fire(() => [++calls]),
        undefined,
      );
      assert.equal(provider.disable(), undefined);
      assert.equal(provider.disable(), undefined);
      assert.equal(
        probe.fire(() => [++calls]),
        undefined,
      );
      assert.equal(calls, 0);
    });
  });
}

describe('what the compiled part does', () => {
  const { DTraceProvider, createDTraceProvider } = dropIn;
  // The contract is about callers without types.
  const Untyped = DTraceProvider as unknown as new (...given: unknown[]) => object;
  const create = createDTraceProvider as unknown as (...given: unknown[]) => object;

  test('constructor: errors in the order and with the words of the original', () => {
    const noName = { name: 'TypeError', message: 'Must give provider name as argument' };
    assert.throws(() => new Untyped(), noName);
    assert.throws(() => new Untyped(1), noName);
    assert.throws(() => new Untyped(undefined, 'module', 3), noName);
    const noModule = { name: 'TypeError', message: 'Must give module name as argument' };
    assert.throws(() => new Untyped('a', undefined), noModule);
    assert.throws(() => new Untyped('a', 1), noModule);
    const tooMany = { name: 'Error', message: 'Expected only provider name and module as arguments' };
    assert.throws(() => new Untyped('a', 'm', undefined), tooMany);
    assert.throws(() => Reflect.apply(DTraceProvider, undefined, ['a']), TypeError);
  });

  test('createDTraceProvider hands the module on only if it is given as the second of two', () => {
    assert.throws(() => create(), { message: 'Must give provider name as argument' });
    assert.throws(() => create('a', undefined), { message: 'Must give module name as argument' });
    assert.ok(create('a', 1, 2));
  });

  test('fire: errors of the original, traced or not', () => {
    const provider = createDTraceProvider('nodeapp');
    const probe = provider.addProbe('p', 'int');
    const fire = probe.fire.bind(probe) as (...given: unknown[]) => unknown;
    const message = 'Must give probe value callback as first argument';
    assert.throws(() => fire(), { name: 'TypeError', message });
    assert.throws(() => fire([1]), { name: 'TypeError', message });
    const fireByName = provider.fire.bind(provider) as (...given: unknown[]) => unknown;
    assert.throws(() => fireByName(), {
      name: 'TypeError',
      message: 'Must give probe name as first argument',
    });
    assert.throws(() => fireByName('p'), {
      name: 'TypeError',
      message: 'Must give probe value callback as second argument',
    });
    assert.throws(() => fireByName('none', 1), { name: 'TypeError' });
  });

  test('provider.fire: true for a probe of its own, also when disabled; undefined for anything else', () => {
    const provider = createDTraceProvider('nodeapp');
    const other = createDTraceProvider('nodeapp');
    const probe = provider.addProbe('p', 'int');
    const values = () => assert.fail('nobody traces');
    assert.equal(provider.fire('p', values), true);
    provider.enable();
    assert.equal(provider.fire('p', values), true);
    provider.disable();
    assert.equal(provider.fire('p', values), true);
    assert.equal(provider.fire('none', values), undefined);
    provider.text = 'p';
    provider.object = {};
    provider.foreign = other.addProbe('p', 'int');
    provider.alias = probe;
    assert.equal(provider.fire('text', values), undefined);
    assert.equal(provider.fire('object', values), undefined);
    assert.equal(provider.fire('foreign', values), undefined);
    assert.equal(provider.fire('enable', values), undefined);
    assert.equal(provider.fire('alias', values), true);
  });

  test('provider.fire of what is no probe harms nothing', () => {
    const provider = createDTraceProvider('nodeapp');
    Object.assign(provider, { null: null, empty: {}, fires: { fire: 5 }, self: provider, number: 10 });
    const values = () => assert.fail('there is nothing to fire');
    for (const name of ['kaboom', 'fire', 'toString', '', 'null', 'empty', 'fires', 'self', 'number'])
      assert.equal(provider.fire(name, values), undefined, name);
  });

  test('methods of other objects are refused', () => {
    const { addProbe, enable } = DTraceProvider.prototype;
    const probe = createDTraceProvider('nodeapp').addProbe('p');
    assert.throws(() => addProbe.call({} as never, 'p'), TypeError);
    assert.throws(() => enable.call({} as never), TypeError);
    assert.throws(() => probe.fire.call({} as never, () => []), TypeError);
  });

  test('addProbe: __prov__ keeps the provider, out of sight', () => {
    const provider = createDTraceProvider('nodeapp');
    const probe = provider.addProbe('p');
    assert.deepEqual(Object.getOwnPropertyDescriptor(probe, '__prov__'), {
      value: provider,
      writable: false,
      enumerable: false,
      configurable: false,
    });
    assert.equal(probe.constructor.name, 'DTraceProbe');
    assert.ok(Object.hasOwn(Object.getPrototypeOf(probe), 'fire'));
  });

  test('addProbe: any name, any types, any number of them', () => {
    const provider = createDTraceProvider('nodeapp');
    const add = provider.addProbe.bind(provider) as (...given: unknown[]) => object;
    assert.equal(provider.undefined, undefined);
    assert.equal(add(), provider.undefined);
    assert.equal(add(7, null, 1, {}), provider[7]);
    assert.equal(add('a name: with *everything*', 'id'), provider['a name: with *everything*']);
    assert.ok(add('forty', ...new Array<string>(40).fill('int')));
    assert.equal(provider.enable(), undefined);
  });

  test('addProbe: a name that is taken still gives a probe, which stays silent', () => {
    const provider = createDTraceProvider('nodeapp');
    const first = provider.addProbe('p', 'int');
    const second = provider.addProbe('p', 'char *');
    assert.notEqual(second, first);
    assert.equal(provider.p, second);
    provider.enable();
    assert.equal(
      second.fire(() => assert.fail('nobody can trace it')),
      undefined,
    );
  });

  test('any name of a provider or module will do', () => {
    for (const name of [
      '',
      'pid',
      'koa2',
      'my.app',
      '9lives',
      '-',
      'x'.repeat(300),
      '-'.repeat(300),
      'ünï',
    ]) {
      const provider = createDTraceProvider(name, name);
      provider.addProbe(name, 'int');
      provider.enable();
      assert.equal(stateOf(provider), process.platform === 'linux' ? 'active' : 'unavailable', name);
      provider.disable();
    }
  });

  test('enable needs a probe', () => {
    const provider = createDTraceProvider('nodeapp');
    assert.throws(() => provider.enable(), { name: 'Error', message: 'no probes defined' });
    assert.equal(provider.disable(), undefined);
  });

  test('removeProbe: true, and the property is gone; errors of the original', () => {
    const provider = createDTraceProvider('nodeapp', 'mod');
    const probe = provider.addProbe('p', 'int');
    const other = provider.addProbe('q', 'int');
    provider.enable();
    assert.equal(provider.removeProbe(probe), true);
    assert.equal('p' in provider, false);
    assert.equal(
      provider.fire('p', () => []),
      undefined,
    );
    assert.equal(
      probe.fire(() => assert.fail('nobody can trace it')),
      undefined,
    );
    assert.throws(() => provider.removeProbe(probe), {
      name: 'Error',
      message: 'failed to remove probe nodeapp:mod:p:p',
    });
    assert.equal(provider.removeProbe(other), true);
    assert.throws(() => provider.removeProbe(other), { name: 'Error', message: 'no probes defined' });
    assert.throws(() => provider.removeProbe({} as never), TypeError);
    assert.equal(provider.addProbe('p', 'char *'), provider.p);
    assert.equal(provider.enable(), undefined);
  });

  test('removeProbe of a probe whose name was taken removes the one of that name', () => {
    const provider = createDTraceProvider('nodeapp');
    const first = provider.addProbe('p', 'int');
    const second = provider.addProbe('p', 'int');
    assert.equal(provider.removeProbe(second), true);
    assert.equal('p' in provider, false);
    assert.throws(() => provider.removeProbe(first), { message: 'no probes defined' });
  });

  test('enable, when all probes of an enabled provider were removed', () => {
    const provider = createDTraceProvider('nodeapp');
    const probe = provider.addProbe('p', 'int');
    provider.enable();
    provider.removeProbe(probe);
    assert.equal(provider.enable(), undefined);
    provider.disable();
    assert.throws(() => provider.enable(), { name: 'Error', message: 'no probes defined' });
  });

  test('names that are one name to tracers: the second probe is silent, and can be removed no more', () => {
    const provider = createDTraceProvider('nodeapp');
    const first = provider.addProbe('a_b');
    const second = provider.addProbe('a.b');
    assert.equal(provider['a.b'], second);
    assert.equal(provider.removeProbe(first), true);
    assert.throws(() => provider.removeProbe(second), { message: 'no probes defined' });
    assert.throws(() => provider.enable(), { message: 'no probes defined' });
  });

  test('removeProbe gives a method back that a probe had shadowed', () => {
    const provider = createDTraceProvider('nodeapp');
    const probe = provider.addProbe('enable');
    provider.addProbe('p');
    assert.equal(provider.removeProbe(probe), true);
    assert.equal(provider.enable(), undefined);
  });
});

describe('how it comes into a program', () => {
  test('ES modules get a default export and names', () => {
    const script = `
      import dtp, { DTraceProvider, createDTraceProvider } from '@libusdt/dtrace-provider';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('@libusdt/dtrace-provider');
      const same = dtp === required && DTraceProvider === dtp.DTraceProvider &&
        createDTraceProvider === dtp.createDTraceProvider;
      console.log(same, createDTraceProvider('a') instanceof DTraceProvider);`;
    const { stdout, stderr } = run(script, {}, '--input-type=module');
    assert.equal(stdout, 'true true\n', stderr);
    assert.equal(stderr, '');
  });

  test('bundlers that look for the mark of an ES module find none', () => {
    const script = `console.log(require(${JSON.stringify(MAIN)}).__esModule)`;
    assert.equal(run(script).stdout, 'undefined\n');
  });

  test('brings no dependencies and no install script', () => {
    const manifest = JSON.parse(fs.readFileSync(`${PACKAGE}package.json`, 'utf8')) as Record<string, object>;
    assert.equal(manifest.dependencies, undefined);
    assert.equal(manifest.optionalDependencies, undefined);
    // It runs where the package is made, not where it is installed.
    assert.deepEqual(Object.keys(manifest.scripts!), ['prepack']);
    assert.doesNotMatch(fs.readFileSync(MAIN, 'utf8'), /require\("(?!node:)/);
  });

  test('satisfies the range that dependents ask for', () => {
    const { version } = JSON.parse(fs.readFileSync(`${PACKAGE}package.json`, 'utf8')) as { version: string };
    assert.match(version, /^0\.8\.\d+$/);
    assert.ok(Number(version.split('.')[2]) > 8);
  });

  const load = `const dtp = require(${JSON.stringify(MAIN)}); console.log('loaded');
    const p = dtp.createDTraceProvider('a'); p.addProbe('b'); p.enable();
    console.log(p[Symbol.for('libusdt.status')].state);`;

  test('a machine that forbids native code gets a program without probes', () => {
    const { status, stdout, stderr } = run(load, { NODE_DEBUG: 'dtrace-provider' }, '--no-addons');
    assert.equal(stdout, 'loaded\nunavailable\n', stderr);
    assert.equal(status, 0);
    assert.match(stderr, /provider a: .*addons/);
  });

  test('unless it is told hard: then require() throws what is in the way', () => {
    const env = { NODE_DTRACE_PROVIDER_REQUIRE: 'hard' };
    const { status, stdout, stderr } = run(load, env, '--no-addons');
    assert.equal(stdout, '');
    assert.notEqual(status, 0);
    assert.match(stderr, /USDT_UNAVAILABLE/);
    assert.match(stderr, /addons-forbidden/);
  });

  test('hard changes nothing where there is nothing in the way', {
    skip: process.platform !== 'linux',
  }, () => {
    const { stdout, stderr } = run(load, { NODE_DTRACE_PROVIDER_REQUIRE: 'hard', LIBUSDT_DIR: folder });
    assert.equal(stdout, 'loaded\nactive\n', stderr);
  });
});

function stateOf(provider: object): string {
  return (provider as Record<symbol, { state: string }>)[Symbol.for('libusdt.status')]!.state;
}
