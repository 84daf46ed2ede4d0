// Checked against the declarations of every package, as an ES module.
import { type ProbeFile, probeTitle } from '@libusdt/cli/catalogue';
import { openTracer, type TraceEvent } from '@libusdt/cli/tracer';
import dtp, { createDTraceProvider, type DTraceProbe } from '@libusdt/dtrace-provider';
import { node } from '@libusdt/node';
import { type Bridge, bridgeChannel } from '@libusdt/node/bridge';
import { createProvider, type Probe, type Status, UsdtError } from 'libusdt';
import { chooseFolder, isProblem } from 'libusdt/cache';
import { type ElfFile, readElf } from 'libusdt/codecs';

const webapp = createProvider('webapp', { probes: { hit: ['int', 'char *'] } });
const status: Status = webapp.enable();
webapp.probes.hit.fire(1, 'text');
// @ts-expect-error: the second argument is a string
webapp.probes.hit.fire(1, 2n);
// @ts-expect-error: there is no such probe
webapp.probes.miss.fire();
const late: Probe<[number]> = webapp.addProbe('late', ['double']);
late.fire(0.5);

const bridge: Bridge = bridgeChannel('shop.order', {
  provider: webapp,
  probe: 'order',
  types: ['uint32_t'],
  args: (order: { id: number }) => [order.id],
});
const old: DTraceProbe = createDTraceProvider('old').addProbe('log', 'char *');
const same: typeof createDTraceProvider = dtp.createDTraceProvider;
const elf: ElfFile = readElf(new Uint8Array());
const folder = chooseFolder({});
const where: string = isProblem(folder) ? folder.detail : folder.path;
const titles = (file: ProbeFile): string[] => file.sites.map(probeTitle);
const tracer = openTracer({ patterns: ['webapp:*'] });
for await (const events of tracer) events.map((event: TraceEvent) => event.probe.name);

export { bridge, elf, node, old, same, status, titles, UsdtError, where };
