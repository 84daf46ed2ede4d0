// Loops that never come back to the event loop, each with another way to look at the probe. Each goes on until it
// notices a tracer, then until it notices that the tracer is gone, and says so.
import { createProvider } from 'libusdt';
import { print } from './common.mjs';

const provider = createProvider('hot', { probes: { fire: ['char *'], lazy: ['int'], enabled: ['int'] } });
const { fire, lazy, enabled } = provider.probes;
const { file } = provider.enable({ strict: true });

/** Counts the calls of `look` that saw a tracer, until one did, and then until none of a million did. */
function loop(name, look) {
  // Long enough to be compiled, and to be compiled for a check that was always false.
  for (let n = 0; n < 3_000_000; n++) look(n);
  print({ name, looping: true });
  let turns = 0;
  while (!look(turns)) turns++;
  print({ name, noticed: true, turns });
  for (let quiet = 0; quiet < 1_000_000; quiet++) if (look(quiet)) quiet = 0;
  print({ name, gone: true });
}

print({ file });

// `fire` alone: a value that is converted only for a tracer tells that it was.
let converted = 0;
const value = { toString: () => `value ${++converted}` };
loop('fire', () => {
  const before = converted;
  fire.fire(value);
  return converted !== before;
});

let called = 0;
loop('lazy', () => {
  const before = called;
  lazy.fireLazy(() => [++called]);
  return called !== before;
});

loop('enabled', (n) => {
  if (!enabled.enabled) return false;
  enabled.fire(n);
  return true;
});
