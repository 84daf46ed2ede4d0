/**
 * What a bridge from diagnostics_channel costs the channel's publisher while nobody traces: nothing, since it has no
 * subscriber then. Against a channel without a bridge, and against one with a subscriber that does nothing, which is
 * what a bridge that is always subscribed would cost at least.
 */
import { channel, subscribe } from 'node:diagnostics_channel';
import { interleave, report } from './harness.mjs';
import { library, temporaryFolder } from './tools.mjs';

process.env.LIBUSDT_DIR = temporaryFolder();
const { createProvider } = await import(library);
const { bridgeChannel } = await import('../packages/node/dist/bridge/index.js');

const provider = createProvider('bench');
bridgeChannel('bench.bridged', {
  provider,
  probe: 'bridged',
  types: ['int'],
  args: (message) => [message.number],
});
provider.enable({ strict: true });
subscribe('bench.subscribed', () => {});

const message = { number: 1 };

/** Each loop is a function of its own, and V8 takes the same text for the same function. */
function loop(name) {
  const run = new Function(
    'each',
    'message',
    `// ${name}
    return (count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        each.publish(message);
        sum = (sum + i) | 0;
      }
      return sum;
    }`,
  );
  return run(channel(`bench.${name}`), message);
}

const results = interleave([
  { name: 'plain', run: loop('plain') },
  { name: 'bridged', run: loop('bridged') },
  { name: 'subscribed', run: loop('subscribed') },
]);
const { ns } = results.get('plain');
const row = (name, what, most) => {
  const { above, low, high } = results.get(name);
  return { what, value: above, low, high, unit: 'ns more', most };
};
report([
  { what: 'publish, a channel without subscribers', value: ns, unit: 'ns' },
  row('bridged', 'publish, a bridged channel that nobody traces', 1),
  row('subscribed', 'publish, a subscriber that does nothing'),
]);
