// Uses every package, as an ES module.
import { readdirSync } from 'node:fs';
import { openProbeFiles } from '@libusdt/cli/catalogue';
import { openTracer } from '@libusdt/cli/tracer';
import dtp, { createDTraceProvider } from '@libusdt/dtrace-provider';
import { node } from '@libusdt/node';
import { bridgeChannel } from '@libusdt/node/bridge';
import { createProvider } from 'libusdt';
import { folderCandidates } from 'libusdt/cache';
import { readElf } from 'libusdt/codecs';

const webapp = createProvider('webapp', { probes: { hit: ['int', 'char *'] } });
webapp.enable();
webapp.probes.hit.fire(1, 'text');

const old = createDTraceProvider('old');
const probe = old.addProbe('log', 'char *');
old.enable();
probe.fire(() => ['text']);

console.log(
  JSON.stringify({
    webapp: webapp.status,
    node: node.status.state,
    enabled: webapp.probes.hit.enabled,
    same: dtp.createDTraceProvider === createDTraceProvider,
    functions: [openProbeFiles, openTracer, bridgeChannel, readElf, folderCandidates].map(
      (value) => typeof value,
    ),
    files: readdirSync(process.env.LIBUSDT_DIR),
  }),
);
