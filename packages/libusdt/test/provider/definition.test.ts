import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createProvider, UsdtError } from '../../src/index.ts';

/** Calls user code that is wrong on purpose, as JavaScript could. */
const wrong = createProvider as unknown as (...args: unknown[]) => {
  addProbe(...args: unknown[]): unknown;
  removeProbe(...args: unknown[]): void;
  enable(): void;
};

function refuses(code: string, message: RegExp, call: () => unknown): void {
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof UsdtError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

describe('names', () => {
  const providers: readonly [unknown, RegExp][] = [
    ['', /must not be empty/],
    [undefined, /must be a string/],
    [7, /must be a string/],
    ['web1', /must not end with a digit/],
    ['pid', /reserved/],
    ['1web', /letters, digits/],
    ['web app', /letters, digits/],
    ['web:app', /letters, digits/],
    ['wéb', /letters, digits/],
    ['web\n', /letters, digits/],
    ['w'.repeat(54), /53 characters.*has 54/],
    [`${'w'.repeat(50)}-ab`, /53 characters.*counted as "__".*has 54/],
  ];
  for (const [name, message] of providers) {
    test(`provider ${JSON.stringify(name)} is refused`, () => {
      refuses('USDT_BAD_NAME', message, () => wrong(name));
    });
  }

  for (const name of ['w', '_', 'webapp', 'web-app', 'web2x', 'w'.repeat(53)]) {
    test(`provider ${JSON.stringify(name)} is accepted`, () => assert.equal(createProvider(name).name, name));
  }

  const probes: readonly [unknown, RegExp][] = [
    ['', /must not be empty/],
    [null, /must be a string/],
    ['a b', /letters, digits/],
    ['a*', /letters, digits/],
    ['-a', /letters, digits/],
    ['3arg', /not beginning with a digit/],
    ['p'.repeat(64), /63 characters/],
    [`${'p'.repeat(61)}-p`, /63 characters.*has 64/],
  ];
  for (const [name, message] of probes) {
    test(`probe ${JSON.stringify(name)} is refused`, () => {
      refuses('USDT_BAD_NAME', message, () => wrong('webapp').addProbe(name));
      if (typeof name === 'string') {
        refuses('USDT_BAD_NAME', message, () => wrong('webapp', { probes: { [name]: [] } }));
      }
    });
  }

  test('functions and modules have rules of their own', () => {
    refuses('USDT_BAD_NAME', /function name "a:b"/, () => wrong('webapp').addProbe('p', { function: 'a:b' }));
    refuses('USDT_BAD_NAME', /127 characters/, () =>
      wrong('webapp').addProbe('p', { function: 'f'.repeat(128) }),
    );
    refuses('USDT_BAD_NAME', /module name "a b"/, () => wrong('webapp', { module: 'a b' }));
    refuses('USDT_BAD_NAME', /63 characters/, () => wrong('webapp', { module: 'm'.repeat(64) }));
    assert.equal(createProvider('webapp', { module: 'server.js' }).module, 'server.js');
  });
});

describe('probes', () => {
  test('the same name and function twice is a duplicate, in either spelling', () => {
    const web = createProvider('webapp');
    web.addProbe('request-start', ['int']);
    refuses('USDT_DUPLICATE_PROBE', /"request-start".*already/, () => web.addProbe('request-start'));
    web.addProbe('other', { function: 'handle' });
    refuses('USDT_DUPLICATE_PROBE', /the same to tracers/, () =>
      web.addProbe('request__start', { function: 'request-start' }),
    );
  });

  test('the same name in another function is another probe', () => {
    const web = createProvider('webapp');
    const one = web.addProbe('p', { function: 'f' });
    const two = web.addProbe('p', { function: 'g' });
    assert.deepEqual([one.function, two.function], ['f', 'g']);
  });

  test('a name that was removed is free again', () => {
    const web = createProvider('webapp');
    web.removeProbe(web.addProbe('p'));
    assert.equal(web.addProbe('p').name, 'p');
  });

  test('removing what is not there', () => {
    const web = createProvider('webapp');
    const probe = web.addProbe('p');
    web.removeProbe(probe);
    refuses('USDT_UNKNOWN_PROBE', /"p" is not a probe of provider "webapp"/, () => web.removeProbe(probe));
    const other = createProvider('other').addProbe('p');
    refuses('USDT_UNKNOWN_PROBE', /not a probe/, () => web.removeProbe(other));
    for (const value of [undefined, null, 'p', {}]) {
      refuses('USDT_UNKNOWN_PROBE', /not a probe/, () => wrong('webapp').removeProbe(value));
    }
  });

  test('32 arguments and no more', () => {
    const web = createProvider('webapp');
    assert.equal(web.addProbe('most', Array(32).fill('int')).args.length, 32);
    refuses('USDT_TOO_MANY_ARGUMENTS', /at most 32 arguments; this has 33/, () =>
      web.addProbe('more', Array(33).fill('int')),
    );
  });

  test('unknown types name themselves and what there is', () => {
    for (const type of ['int3', '', 'char', 'float*10', 'int*0', 'char **', 7, null]) {
      if (type === 'char') continue;
      refuses('USDT_UNKNOWN_TYPE', /unknown argument type .*uint32_t/, () =>
        wrong('webapp').addProbe('p', [type]),
      );
    }
  });

  test('shapes that are none', () => {
    for (const shape of [7, 'int', null, { args: 'int' }]) {
      refuses('USDT_BAD_OPTION', /C type names/, () => wrong('webapp').addProbe('p', shape));
    }
  });

  test('types are shown in one spelling', () => {
    const probe = createProvider('webapp').addProbe('p', [
      'char*',
      'const char *',
      'int64_t*1000',
      'unsigned',
    ]);
    assert.deepEqual(probe.args, ['char *', 'const char *', 'int64_t*1000', 'unsigned']);
  });

  test('a failed definition leaves nothing behind', () => {
    const web = createProvider('webapp');
    assert.throws(() => wrong.call(null, 'webapp').addProbe('p', ['nonsense']));
    assert.throws(() => (web as unknown as { addProbe(...a: unknown[]): void }).addProbe('p', ['nonsense']));
    assert.equal(web.addProbe('p').name, 'p');
  });
});

describe('options', () => {
  const bad: readonly [unknown, RegExp][] = [
    [7, /options must be an object/],
    [{ maxStringBytes: 15 }, /from 16 to 32768, not 15/],
    [{ maxStringBytes: 32769 }, /not 32769/],
    [{ maxStringBytes: '100' }, /not "100"/],
    [{ attributes: 7 }, /attributes must be an object/],
    [{ attributes: { provder: ['Stable', 'Stable', 'ISA'] } }, /"provder" is not one of provider, module/],
    [{ attributes: { provider: ['stable', 'Stable', 'ISA'] } }, /attributes\.provider must be/],
  ];
  for (const [options, message] of bad) {
    test(JSON.stringify(options), () => refuses('USDT_BAD_OPTION', message, () => wrong('webapp', options)));
  }

  test('attributes have the defaults of a run-time provider', () => {
    const { attributes } = createProvider('webapp', { attributes: { name: ['Stable', 'Stable', 'Common'] } });
    assert.deepEqual(attributes.name, ['Stable', 'Stable', 'Common']);
    assert.deepEqual(attributes.provider, ['Evolving', 'Evolving', 'ISA']);
    assert.deepEqual(attributes.module, ['Private', 'Private', 'Unknown']);
  });
});

test('enable() without probes is a mistake', () => {
  refuses('USDT_NO_PROBES', /"webapp" has no probes/, () => createProvider('webapp').enable());
});

test('a freed provider says so', () => {
  const web = createProvider('webapp');
  const probe = web.addProbe('p', ['int']);
  web.free();
  web.free();
  probe.fire(1);
  assert.equal(web.status.state, 'disabled');
  refuses('USDT_FREED', /"webapp" was freed/, () => web.addProbe('q'));
  refuses('USDT_FREED', /was freed/, () => web.enable());
  refuses('USDT_FREED', /was freed/, () => web.removeProbe(probe));
  web.disable();
});

test('objects can carry what a program hangs on them', () => {
  const web = Object.assign(createProvider('webapp'), { mine: 1 });
  const probe = Object.assign(web.addProbe('p'), { mine: 2 });
  assert.equal(web.mine + probe.mine, 3);
});
