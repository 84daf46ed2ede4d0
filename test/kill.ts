/** Ending a program that may not have started. */
interface Killable {
  readonly pid?: number | undefined;
  kill(signal: NodeJS.Signals): unknown;
}

/**
 * As `child.kill()`, but for a child that could not be started it does nothing: until its error is told, Node 20 takes
 * such a child's process id for 0, and the signal would go to the caller's whole process group, npm included.
 */
export function kill(child: Killable, signal: NodeJS.Signals = 'SIGTERM'): void {
  if (child.pid !== undefined) child.kill(signal);
}
