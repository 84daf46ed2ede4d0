/**
 * Is there a tracefs in which this process may define uprobe events?
 * @module
 */

import { UnavailableError } from '../errors.ts';
import { findTracefs, requireTracefs } from '../tracefs/tracefs.ts';
import type { Finding } from './check.ts';

/** @param root whether this process is root's. */
export function checkTracefs(root: boolean): Finding {
  const check = 'tracefs';
  try {
    return { check, state: 'ok', message: `${requireTracefs()}, uprobe events may be defined` };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    // The remedy that the message has for a terminal is our own line.
    const [message = ''] = error.message.split(/: (?=mount |run as )/);
    const fix = fixFor(error.message, root);
    return { check, state: 'fail', message, ...(fix !== undefined && { fix }) };
  }
}

function fixFor(message: string, root: boolean): string | undefined {
  if (!root) return 'sudo usdt doctor';
  const path = findTracefs();
  if (path === undefined) return 'mount -t tracefs tracefs /sys/kernel/tracing';
  return /: (mount .*)$/.exec(message)?.[1];
}
