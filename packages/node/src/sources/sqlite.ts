/**
 * Statements that node:sqlite has run: since Node 26.
 * https://nodejs.org/api/diagnostics_channel.html#sqlite
 * @module
 */

import { bridgeChannel } from '../bridge/channel.ts';
import type { NodeProbes } from '../provider.ts';
import { createIds } from '../stamp.ts';

interface QueryMessage {
  readonly sql: string;
  readonly database: object;
  /** Nanoseconds, of a clock that SQLite reads to the millisecond. */
  readonly duration: number;
}

const databaseId = createIds();

export function bridgeSqlite(probes: NodeProbes): void {
  bridgeChannel('sqlite.db.query', {
    probe: probes['sqlite-query'],
    args: ({ sql, database, duration }: QueryMessage) => [databaseId(database), sql, duration],
  });
}
