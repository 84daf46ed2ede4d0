/**
 * A run of the tracer for a command line: opens it for the options, starts the command to trace, ends when it is time,
 * and leaves nothing behind, whatever ends it.
 */

import { constants } from 'node:os';
import { checkProcess } from './catalogue/sources.ts';
import { type Child, holdCommand } from './child.ts';
import { EXIT, NothingMatchedError, UsageError } from './errors.ts';
import type { TargetOptions } from './options.ts';
import { count, warn } from './output.ts';
import { openTracer, type TracerOptions } from './sources/kernel/tracer.ts';
import type { RecordSource, RecordVisitor } from './sources/record.ts';
import type { Source, TraceEvent } from './sources/source.ts';
import { shown } from './text.ts';
import { startTime } from './tracefs/owner.ts';

export interface SessionHandlers {
  /** Everything is attached; called before a traced command begins. */
  ready(tracer: Source): Promise<void> | void;
  /** For each event, in place of an object in the batch. */
  readonly visit?: RecordVisitor | undefined;
  /** A batch of events, in order of time; empty with `visit`. @returns whether to go on. */
  events(events: readonly TraceEvent[], tracer: Source): Promise<boolean> | boolean;
  /** The tracer has ended; it is closed afterwards. */
  end(tracer: Source): Promise<void> | void;
}

/** How often to see whether traced processes still exist, in milliseconds. */
const LIVENESS = 250;
/** For the reader of the output, after a signal, to take some of it, in milliseconds. */
const PATIENCE = 3000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * @param program what follows `--` on the command line: a program and its arguments.
 * @returns the exit code for the process.
 */
export async function runSession(
  patterns: readonly string[],
  options: TargetOptions,
  program: readonly string[],
  handlers: SessionHandlers,
): Promise<number> {
  const command = commandOf(options, program);
  if (command && options.pid) throw new UsageError("a command (-c) and a process (-p) can't both be traced");
  for (const pid of options.pid ?? []) checkProcess(pid);
  let child: Child | undefined;
  let tracer: RecordSource | undefined;
  const timers: NodeJS.Timeout[] = [];
  let signalled = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signalled++;
    if (signalled > 1) process.exit(128 + constants.signals[signal]);
    watchReader(128 + constants.signals[signal]);
    // The terminal sends SIGINT to the traced command as well: it decides when it ends.
    if (child?.running) {
      if (signal !== 'SIGINT') child.kill(signal);
    } else tracer?.stop();
  };
  // Whatever ends this process ends the command.
  const onExit = (): void => {
    if (child?.running) child.kill('SIGTERM');
  };
  process.on('exit', onExit);
  // Looking through all processes takes a while: until then signals end this process at once, as they do by themselves.
  // The command that is held ends with it.
  const prepared = (): void => {
    for (const signal of SIGNALS) process.on(signal, onSignal);
  };
  try {
    child = command && holdCommand(command);
    const opened = openTracer({ ...tracerOptions(patterns, options, child), prepared });
    tracer = opened;
    if (tracer.probes.length === 0 && !child && !options.wait) throw nothingMatched(patterns, tracer);
    for (const problem of tracer.problems) warn(problem);
    await handlers.ready(tracer);
    child?.release();
    // What the program's last instants wrote is in the buffers when its end is known.
    void child?.ended.then(() => opened.stop());
    if (options.duration) timers.push(setTimeout(() => opened.stop(), options.duration * 1000));
    if (options.pid) timers.push(watchProcesses(options.pid, tracer));

    let told = tracer.problems.length;
    for await (const events of handlers.visit ? tracer.visiting(handlers.visit) : tracer) {
      if (!(await handlers.events(events ?? [], tracer))) {
        tracer.stop();
        break;
      }
      for (; told < tracer.problems.length; told++) warn(tracer.problems[told]!);
    }
    await handlers.end(tracer);
    for (const missed of tracer.missed) warn(missed);
    if (!child) return EXIT.ok;
    if (child.running) {
      child.kill('SIGTERM');
      return EXIT.ok;
    }
    return (await child.ended) || statusOf(patterns, tracer);
  } catch (error) {
    // The command ends too, also one that has not begun.
    onExit();
    throw error;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    if (tracer) tracer.close();
    else child?.abandon();
    process.removeListener('exit', onExit);
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  }
}

/** Of a command that succeeded: whether that was seen. */
function statusOf(patterns: readonly string[], tracer: Source): number {
  if (tracer.missed.length > 0) return EXIT.incomplete;
  if (tracer.probes.length > 0) return EXIT.ok;
  warn(`no probe of what ran matches ${patterns.map((pattern) => shown(pattern)).join(' ')}`);
  return EXIT.nothing;
}

function commandOf({ command }: TargetOptions, program: readonly string[]): readonly string[] | undefined {
  if (command !== undefined && program.length > 0)
    throw new UsageError('give the command with -c or behind --, not both');
  if (command !== undefined) return ['/bin/sh', '-c', command];
  return program.length > 0 ? program : undefined;
}

function tracerOptions(
  patterns: readonly string[],
  options: TargetOptions,
  child: Child | undefined,
): TracerOptions {
  return {
    patterns,
    ...(options.pid && { pids: options.pid }),
    ...(options.file && { files: options.file }),
    ...(options.where !== undefined && { where: options.where }),
    ...(options.types && { types: options.types }),
    ...(options.buffer && { bufferKb: options.buffer }),
    ...(child && { tree: [child.pid], programs: child.files }),
  };
}

function nothingMatched(patterns: readonly string[], tracer: Source): NothingMatchedError {
  const why = tracer.problems.length > 0 ? `\n${tracer.problems.join('\n')}` : '';
  return new NothingMatchedError(
    `no probe matches ${patterns.map((pattern) => shown(pattern)).join(' ')}: 'usdt list --all' shows what there is, --wait waits for a program with such probes${why}`,
  );
}

/** Ends the tracer when none of the processes exists any more. */
function watchProcesses(pids: readonly number[], tracer: Source): NodeJS.Timeout {
  const starts = new Map(pids.map((pid) => [pid, startTime(pid)]));
  const timer = setInterval(() => {
    if (pids.some((pid) => startTime(pid) !== undefined && startTime(pid) === starts.get(pid))) return;
    clearInterval(timer);
    warn(`${pids.length === 1 ? `process ${pids[0]} has` : `${count(pids.length, 'process')}es have`} ended`);
    tracer.stop();
  }, LIVENESS);
  return timer;
}

/** After a signal, ends this process if whoever reads its output takes nothing: there is no use in waiting for that. */
function watchReader(exitCode: number): void {
  let left = process.stdout.writableLength;
  setInterval(() => {
    if (left > 0 && process.stdout.writableLength >= left) process.exit(exitCode);
    left = process.stdout.writableLength;
  }, PATIENCE).unref();
}
