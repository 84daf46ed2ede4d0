/**
 * Statements that node:sqlite has run: since Node 26.
 * https://nodejs.org/api/diagnostics_channel.html#sqlite
 */

import { bridgeChannel } from '../bridge/channel.ts';
import { defineSource } from '../source.ts';
import { createIds } from '../stamp.ts';

interface QueryMessage {
  readonly sql: string;
  readonly database: object;
  /** Nanoseconds, of a clock that SQLite reads to the millisecond. */
  readonly duration: number;
}

const databaseId = createIds();

export const sqlite = defineSource({
  shapes: {
    // database, statement, duration (ns)
    'sqlite-query': ['uint64_t', 'char *', 'uint64_t'],
  },
  start(probes) {
    bridgeChannel('sqlite.db.query', {
      probe: probes['sqlite-query'],
      args: ({ sql, database, duration }: QueryMessage) => [databaseId(database), sql, duration],
    });
  },
});
