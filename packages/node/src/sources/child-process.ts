/**
 * Children of the process, as they begin and end.
 * https://nodejs.org/api/diagnostics_channel.html#child-process
 */

import type { ChildProcess } from 'node:child_process';
import { subscribeWhileTraced } from '../bridge/subscribe.ts';
import { defineSource } from '../source.ts';

export const childProcess = defineSource({
  shapes: {
    // pid, file, arguments
    'child-start': ['int', 'char *', 'json'],
    // pid, exit code (-1 if there is none), signal
    'child-exit': ['int', 'int', 'char *'],
  },
  start(probes) {
    const { 'child-start': started, 'child-exit': ended } = probes;
    // When the channel tells of it, it has no process yet.
    const onChild = ({ process: child }: { process: ChildProcess }): void => {
      child.once('spawn', () => started.fire(child.pid ?? 0, child.spawnfile, child.spawnargs));
      child.once('exit', (code, signal) => ended.fire(child.pid ?? 0, code ?? -1, signal ?? ''));
    };
    subscribeWhileTraced([started, ended], [['child_process', onChild]]);
  },
});
