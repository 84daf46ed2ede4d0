// Everything a program may do, in an environment that may forbid some of it. Prints what came of it, and ends well.
import { createProvider } from 'libusdt';

const web = createProvider('webapp', { probes: { start: ['int', 'char *'] } });
const before = web.status.state;
const status = web.enable();
web.probes.start.fire(1, 'text');
web.probes.start.fireLazy(() => [1, 'text']);
web.addProbe('later', ['int']).fire(1);
const again = web.enable();
let strict = null;
try {
  web.enable({ strict: true });
} catch (error) {
  strict = { code: error.code, reason: error.reason, message: error.message };
}
web.disable();
const after = web.status.state;
web.free();
console.log(JSON.stringify({ before, status, again, strict, after }));
