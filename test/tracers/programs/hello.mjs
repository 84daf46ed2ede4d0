// One probe that fires 20 times once it is told to, and a probe that never fires. With `anyway`, it fires whether or not
// somebody traces.
import { createProvider } from 'libusdt';
import { print, untilEnabled, untilTold } from './common.mjs';

const [, , name = 'hello', anyway] = process.argv;
const provider = createProvider(name, { probes: { 'say-hello': ['int32_t', 'char *'], unused: [] } });
const { file, storage } = provider.enable({ strict: true });
const hello = provider.probes['say-hello'];
const events = Array.from({ length: 20 }, (_, n) => `${n} grüße ${n}`);
print({ file, storage, expect: events.map((event) => `${process.pid} ${event}`) });
await untilTold(anyway ? [] : [hello]);
for (const n of events.keys()) hello.fire(n, `grüße ${n}`);
if (anyway) print({ enabled: hello.enabled });
await untilEnabled([hello], false);
print({ enabled: false });
