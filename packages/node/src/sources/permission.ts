/**
 * Accesses that no `--allow-...` option covers: with `--permission-audit` they go on, with `--permission` they are
 * refused. Among them is opening files, of which Node tells in no other way. Since Node 24.
 * https://nodejs.org/api/permissions.html
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';

/** https://github.com/nodejs/node/blob/v26.x/src/permission/permission.cc */
const SCOPES = [
  'addon',
  'child',
  'ffi',
  'fs',
  'inspector',
  'net',
  'openssl-store',
  'wasi',
  'worker',
] as const;

interface AccessMessage {
  readonly permission: string;
  readonly resource?: unknown;
}

export const permission = defineSource({
  shapes: {
    // scope, permission, resource
    'permission-missing': ['char *', 'char *', 'char *'],
  },
  start(probes) {
    for (const scope of SCOPES) {
      bridgeChannel(`node:permission-model:${scope}`, {
        probe: probes['permission-missing'],
        args: ({ permission, resource }: AccessMessage) => [scope, permission, String(resource ?? '')],
      });
    }
  },
});
