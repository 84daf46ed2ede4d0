// Checked against the declarations of every package, as CommonJS.
import { openProbeFiles } from '@libusdt/cli/catalogue';

import dtp = require('@libusdt/dtrace-provider');

import { node } from '@libusdt/node';
import { bridgeChannel } from '@libusdt/node/bridge';
import { createProvider, type Status } from 'libusdt';
import { readElf } from 'libusdt/codecs';

const webapp = createProvider('webapp', { probes: { hit: ['int', 'char *'] } });
const status: Status = webapp.enable();
webapp.probes.hit.fire(1, 'text');
// @ts-expect-error: the second argument is a string
webapp.probes.hit.fire(1, 2n);
const old = dtp.createDTraceProvider('old').addProbe('log', 'char *');
old.fire(() => ['text']);

export { bridgeChannel, node, openProbeFiles, readElf, status };
