/**
 * A provider's life on an operating system that stand-in.c plays. Prints what platforms.test.ts expects as JSON.
 */
import './platform.ts';
import { createProvider } from '../../../packages/libusdt/src/index.ts';
import type { ProbeHandle } from '../../../packages/libusdt/src/provider/probe.ts';
import { MODULE, PROBES, PROVIDER, VALUES } from './definition.ts';

const web = createProvider(PROVIDER, { module: MODULE, probes: PROBES });
const probes = Object.entries(web.probes) as [keyof typeof PROBES, ProbeHandle][];
const enabled = (): boolean[] => probes.map(([, probe]) => probe.enabled);
const fireAll = (): void => {
  for (const [name, probe] of probes) probe.fire(...VALUES[name]);
};

const before = web.status.state;
const status = web.enable();
if (status.state === 'active') {
  const { engine } = probes[0]![1].delivery.loaded!;
  const trace = engine.symbol('stand_in_trace');
  const idle = enabled();
  fireAll();
  engine.call(trace, 1);
  const traced = enabled();
  fireAll();
  engine.call(trace, 0);
  const ended = enabled();
  fireAll();
  web.disable();
  const disabled = web.status.state;
  const again = web.enable().state;
  web.free();
  const { arch, pid } = process;
  const { registeredBy } = status;
  console.log(JSON.stringify({ arch, pid, before, registeredBy, idle, traced, ended, disabled, again }));
} else console.log(JSON.stringify(status));
