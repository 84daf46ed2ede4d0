/**
 * Is there a tracefs in which this process may define uprobe events?
 */

import { UnavailableError } from '../errors.ts';
import { openTracefs, TracefsError } from '../tracefs/tracefs.ts';
import type { Finding } from './check.ts';

export function checkTracefs(): Finding {
  const check = 'tracefs';
  try {
    const { path, instead } = openTracefs();
    const message =
      instead === undefined
        ? `${path}, uprobe events may be defined`
        : `${instead}: usdt makes one of its own, which nobody else sees; uprobe events may be defined`;
    return { check, state: 'ok', message };
  } catch (error) {
    if (error instanceof TracefsError)
      return { check, state: 'fail', message: error.problem, fix: error.fix };
    if (error instanceof UnavailableError) return { check, state: 'fail', message: error.message };
    throw error;
  }
}
