// The program of the end-to-end test. It uses nothing of the runtime but console.log and timers, so that it is the
// same everywhere. Its lines of output are JSON: the status; each change of `enabled`; what is left at the end.
import { createProvider } from 'libusdt';

const print = (value) => console.log(JSON.stringify(value));
const web = createProvider('webapp', {
  probes: {
    'request-start': ['int32_t', 'uint64_t', 'char *', 'json'],
    'request-body': ['int64_t', 'bool', 'void *', 'size_t'],
    // bpftrace reads six arguments.
    'request-done': {
      function: 'handle',
      args: ['int8_t', 'uint8_t', 'int16_t', 'uint16_t', 'int', 'unsigned int'],
    },
  },
});
const { Bun, Deno } = globalThis;
const runtime = Bun ? `bun ${Bun.version}` : Deno ? `deno ${Deno.version.deno}` : `node ${process.version}`;
print({ runtime, ...web.enable() });
const { 'request-start': start, 'request-body': body, 'request-done': done } = web.probes;

let enabled = false;
let lazy = 0;
const bytes = new TextEncoder().encode('body of the request');

function fireAll() {
  start.fire(-42, 2n ** 63n + 1n, 'grüße, 世界', { path: '/', n: [1, null] });
  if (start.enabled !== enabled) {
    enabled = !enabled;
    print({ enabled });
    if (!enabled) end();
  }
  body.fire(-(2n ** 62n), true, bytes, bytes.length);
  done.fireLazy(() => {
    lazy++;
    return [-1, 255, -2, 65535, -3, 4294967295];
  });
}

const timer = setInterval(() => {
  for (let n = 0; n < 20; n++) fireAll();
}, 1);

/** The tracer has gone. Firing goes on, into nothing. */
function end() {
  clearInterval(timer);
  const { failures } = web.status;
  web.disable();
  print({ state: web.status.state, failures, lazy: lazy > 0 });
}
