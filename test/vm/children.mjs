// Programs that are started in the machine, read line by line, and taken down with the one that started them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const children = new Set();
process.on('exit', () => {
  for (const child of children) kill(child, 'SIGKILL');
});

/** A child that could not be started has no process id: Node 20 takes it for 0, and would signal all of this process' group. */
export function kill(child, signal = 'SIGTERM') {
  if (child.pid !== undefined) child.kill(signal);
}

/** Its lines one by one, and all that it has printed. */
export function start(command, ...args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  const printed = { out: '', err: '' };
  for (const name of ['out', 'err']) {
    child[`std${name}`].setEncoding('utf8').on('data', (text) => {
      printed[name] += text;
    });
  }
  const ended = once(child, 'close').then(() => {
    children.delete(child);
    return printed;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${args.join(' ')} ended: ${printed.err}`);
    return value;
  };
  return { child, next, ended, printed };
}
