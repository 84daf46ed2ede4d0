/**
 * Probes from diagnostics_channel: `import { bridgeChannel } from '@libusdt/node/bridge'`. Importing it does nothing.
 * @module
 */

export { type Bridge, bridgeChannel, type ExistingProbe, type NewProbe } from './channel.ts';
export { bridgeFastify } from './fastify.ts';
export { bridgeTracingChannel, type TracingEvent, type TracingOptions } from './tracing-channel.ts';
