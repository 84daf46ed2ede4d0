// Uses every package, as CommonJS.
const { readdirSync } = require('node:fs');
const { openProbeFiles } = require('@libusdt/cli/catalogue');
const { openTracer } = require('@libusdt/cli/tracer');
const dtp = require('@libusdt/dtrace-provider');
const { node } = require('@libusdt/node');
const { bridgeChannel } = require('@libusdt/node/bridge');
const { createProvider } = require('libusdt');
const { readElf } = require('libusdt/codecs');

const webapp = createProvider('webapp', { probes: { hit: ['int', 'char *'] } });
webapp.enable();
webapp.probes.hit.fire(1, 'text');

const old = dtp.createDTraceProvider('old');
const probe = old.addProbe('log', 'char *');
old.enable();
probe.fire(() => ['text']);

console.log(
  JSON.stringify({
    webapp: webapp.status,
    node: node.status.state,
    enabled: webapp.probes.hit.enabled,
    same: old instanceof dtp.DTraceProvider,
    functions: [openProbeFiles, openTracer, bridgeChannel, readElf].map((value) => typeof value),
    files: readdirSync(process.env.LIBUSDT_DIR),
  }),
);
