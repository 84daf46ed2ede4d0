/**
 * Probes from diagnostics_channel: `import { bridgeChannel } from '@libusdt/node/bridge'`. Importing it does nothing.
 */

export {
  type Bridge,
  type BridgedProvider,
  bridgeChannel,
  type ExistingProbe,
  type NewProbe,
} from './channel.ts';
export { bridgeExpress } from './express.ts';
export { bridgeFastify } from './fastify.ts';
export { bridgeGraphql } from './graphql.ts';
export { bridgeMysql2 } from './mysql2.ts';
export { bridgeIoredis, bridgeRedis } from './redis.ts';
export { bridgeTracingChannel, type TracingEvent, type TracingOptions } from './tracing-channel.ts';
