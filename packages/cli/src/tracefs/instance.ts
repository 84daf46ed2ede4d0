/**
 * An instance of the kernel's tracer: ring buffers of our own, beside those of everybody else, and a group of uprobe
 * events with the same name. Both are removed on every way out that leaves this process any choice; after SIGKILL the
 * next `usdt` removes them. https://docs.kernel.org/trace/ftrace.html#instances
 */

import * as fs from 'node:fs';
import { FailureError, systemCode } from '../errors.ts';
import { currentOwner, isGone, ownerName, parseOwner } from './owner.ts';
import { addEvent, eventGroups, listEvents, placesOf, removeEvent, removeEvents } from './uprobe-events.ts';

export interface Instance {
  readonly tracefs: string;
  /** Name of the instance and of the group of events. */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  /**
   * Defines an event in the group, or one more place of an event; it is not enabled yet.
   * @param definition or several, a line each: the kernel stops at the first that it refuses.
   * @throws FailureError
   */
  define(definition: string): void;
  /** How many places an event of the group has. */
  places(event: string): number;
  /** Removes an event that is not enabled, with all its places. */
  undefine(event: string): void;
  /** Writes one of the instance's files. @throws the system's error. */
  write(file: string, text: string): void;
  /** As `write`, for what only some kernels have. */
  tryWrite(file: string, text: string): boolean;
  read(file: string): string;
  /** Called before the instance is removed, which the kernel refuses while its files are open. */
  beforeRemoval(action: () => void): void;
  /** Removes the instance and the events. May be called again. */
  close(): void;
}

const open = new Set<Instance>();
let serial = 0;

/** A name for an instance or a group of events, which tells that it is ours. */
export function ownName(): string {
  return ownerName(currentOwner(), serial++);
}

/** @throws FailureError when the kernel refuses; the caller has it from `openTracefs`. */
export function createInstance(tracefs: string): Instance {
  let name: string;
  let path: string;
  do {
    name = ownName();
    path = `${tracefs}/instances/${name}`;
  } while (!tryMakeFolder(path));

  let closed = false;
  const actions: (() => void)[] = [];
  const instance: Instance = {
    tracefs,
    name,
    path,
    define: (definition) => addEvent(tracefs, definition),
    places: (event) => placesOf(listEvents(tracefs), name, event),
    undefine: (event) => void removeEvent(tracefs, name, event),
    write: (file, text) => writeExisting(`${path}/${file}`, text),
    tryWrite: (file, text) => tryWrite(`${path}/${file}`, text),
    read: (file) => fs.readFileSync(`${path}/${file}`, 'utf8'),
    beforeRemoval: (action) => actions.push(action),
    close: () => {
      if (closed) return;
      closed = true;
      for (const action of actions) action();
      open.delete(instance);
      if (open.size === 0) process.removeListener('exit', closeAll);
      removeInstance(tracefs, name);
    },
  };
  // Exceptions and process.exit() come by here; signals must be turned into one of those by the command.
  if (open.size === 0) process.on('exit', closeAll);
  open.add(instance);
  return instance;
}

function tryMakeFolder(path: string): boolean {
  try {
    fs.mkdirSync(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return false;
    throw new FailureError(`the kernel refused the instance ${path}: ${code}`);
  }
}

function closeAll(): void {
  for (const instance of [...open]) instance.close();
}

function removeInstance(tracefs: string, name: string): void {
  const path = `${tracefs}/instances/${name}`;
  tryWrite(`${path}/tracing_on`, '0');
  tryWrite(`${path}/events/${name}/enable`, '0');
  try {
    fs.rmdirSync(path);
  } catch {
    // Somebody reads our buffers: the next `usdt` tries again.
  }
  removeEvents(tracefs, name);
}

/** Removes what `usdt` processes that are no more have left. @returns their names. */
export function removeLeftovers(tracefs: string): string[] {
  const names = new Set(eventGroups(listEvents(tracefs)));
  for (const name of fs.readdirSync(`${tracefs}/instances`)) names.add(name);
  const gone = [...names].filter((name) => {
    const owner = parseOwner(name);
    return owner !== undefined && isGone(owner);
  });
  for (const name of gone) removeInstance(tracefs, name);
  return gone;
}

function tryWrite(path: string, text: string): boolean {
  try {
    writeExisting(path, text);
    return true;
  } catch {
    return false;
  }
}

/** Without O_CREAT, which tracefs refuses with a misleading error, and without O_TRUNC, which acts on some files. */
function writeExisting(path: string, text: string): void {
  const fd = fs.openSync(path, fs.constants.O_WRONLY);
  try {
    fs.writeSync(fd, text);
  } finally {
    fs.closeSync(fd);
  }
}
