// A provider that is changed while it runs, by commands on the standard input: `add NAME`, `remove NAME`, `enable`,
// `disable`, `fire` (all probes there ever were, each with a number that counts up), `idle` (waits until nobody
// traces). After each it prints how it stands.
import { createProvider } from 'libusdt';
import { commands, print, untilEnabled } from './common.mjs';

const provider = createProvider(process.argv[2]);
const probes = new Map();
let fires = 0;

const run = {
  add: (name) => probes.set(name, provider.addProbe(name, ['int'])),
  remove: (name) => provider.removeProbe(probes.get(name)),
  enable: () => provider.enable(),
  disable: () => provider.disable(),
  fire: () => {
    fires++;
    for (const probe of probes.values()) probe.fire(fires);
  },
  idle: () => untilEnabled([...probes.values()], false),
};

for await (const command of commands()) {
  const [word, name] = command.split(' ');
  await run[word](name);
  const enabled = [...probes].filter(([, probe]) => probe.enabled).map(([name]) => name);
  print({ ...provider.status, enabled });
}
