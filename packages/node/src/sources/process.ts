/**
 * The process: its children, workers, errors and end.
 *
 * Events that come once in a process, or right before its end, have their listener all the time: a tenth of a second
 * is too long to notice there that somebody traces. None of these listeners changes what the process does:
 * `unhandledRejection` would, and is not used.
 * https://nodejs.org/api/process.html#process-events
 * @module
 */

import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { bridgeChannel } from '../bridge/channel.ts';
import { watch } from '../bridge/watch.ts';
import type { NodeProbes } from '../provider.ts';

export function watchProcess(probes: NodeProbes): void {
  process.on('exit', (code) => probes['process-exit'].fire(Number(code)));
  process.on('uncaughtExceptionMonitor', (error: unknown, origin) => {
    const name = origin === 'unhandledRejection' ? 'unhandled-rejection' : 'uncaught-exception';
    probes[name].fireLazy(() => describe(error));
  });
  process.on('warning', (warning: Error & { code?: string }) =>
    probes['process-warning'].fireLazy(() => [warning.name, warning.code ?? '', warning.message]),
  );
  bridgeChannel('process.execve', {
    probe: probes['process-execve'],
    args: ({ execPath, args }: { execPath: string; args: readonly string[] }) => [execPath, args],
  });
  watchChildren(probes['child-start'], probes['child-exit']);
  watchWorkers(probes['worker-start'], probes['worker-exit']);
}

function describe(error: unknown): [name: string, message: string, stack: string] {
  if (!(error instanceof Error)) return ['', String(error), ''];
  return [String(error.name), String(error.message), String(error.stack ?? '')];
}

function watchChildren(started: NodeProbes['child-start'], ended: NodeProbes['child-exit']): void {
  // When the channel tells of it, it has no process yet.
  const onChild = (message: unknown): void => {
    const { process: child } = message as { process: ChildProcess };
    child.once('spawn', () => started.fire(child.pid ?? 0, child.spawnfile, child.spawnargs));
    child.once('exit', (code, signal) => ended.fire(child.pid ?? 0, code ?? -1, signal ?? ''));
  };
  watch({
    probes: [started, ended],
    start: () => subscribe('child_process', onChild),
    stop: () => void unsubscribe('child_process', onChild),
  });
}

function watchWorkers(started: NodeProbes['worker-start'], ended: NodeProbes['worker-exit']): void {
  const onWorker = (message: unknown): void => {
    const { worker } = message as { worker: Worker };
    // When it has ended it has no number any more.
    const { threadId } = worker;
    started.fire(threadId);
    worker.once('exit', (code) => ended.fire(threadId, code));
  };
  watch({
    probes: [started, ended],
    start: () => subscribe('worker_threads', onWorker),
    stop: () => void unsubscribe('worker_threads', onWorker),
  });
}
