/**
 * A processor for each of two processes that work against each other: where the kernel moves them about, that is most
 * of what two runs differ by. On a machine with one processor, or without taskset, they run where they are put.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [own, others] = allowed();
const pinned = others !== undefined && spawnSync('taskset', ['--version']).status === 0;

/** Moves this process, with all its threads, to a processor where no process of `besides` runs. */
export function pinSelf() {
  if (!pinned) return;
  const { status, stderr } = spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', own, process.pid]);
  if (status !== 0) throw new Error(String(stderr));
}

/** Options for `fork` that start a process on the other processor. */
export function besides(execArgv) {
  if (!pinned) return { execArgv };
  return { execPath: 'taskset', execArgv: ['--cpu-list', others, process.execPath, ...execArgv] };
}

/** The first two processors that this process may use: `0-1,4` are 0, 1 and 4. */
function allowed() {
  const status = readFileSync('/proc/self/status', 'latin1');
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  const processors = list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return last > first ? [first, first + 1] : [first];
  });
  return processors.slice(0, 2).map(String);
}
