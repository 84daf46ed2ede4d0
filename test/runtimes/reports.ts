/**
 * What programs/status.mjs reports, and what must hold of it.
 */

import assert from 'node:assert/strict';
import { dirname } from 'node:path';

/** The fields of libusdt's status that the tests look at. */
export interface ReportedStatus {
  readonly state: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly file?: string;
  readonly storage?: string;
  readonly tracepoint?: string;
}

export interface Report {
  /** The state before enable(). */
  readonly before: string;
  readonly status: ReportedStatus;
  /** After one more enable(), with one more probe. */
  readonly again: ReportedStatus & { readonly files?: readonly string[] };
  /** What enable({ strict: true }) threw. */
  readonly strict: { readonly code: string; readonly reason: string; readonly message: string } | null;
  /** The state after disable(). */
  readonly after: string;
}

/** Nothing is visible, and everybody was told why: the status, and whoever asked to be stopped. */
export function assertUnavailable(report: Report, reason: string): void {
  const { before, status, again, strict, after } = report;
  const shown = JSON.stringify(report);
  assert.equal(before, 'disabled', shown);
  assert.equal(status.state, 'unavailable', shown);
  assert.equal(status.reason, reason, shown);
  assert.ok(status.detail, shown);
  assert.equal(again.state, 'unavailable', shown);
  assert.equal(strict?.code, 'USDT_UNAVAILABLE', shown);
  assert.equal(strict.reason, reason, shown);
  assert.match(strict.message, /^provider "webapp" can't be traced: ./, shown);
  assert.equal(after, 'disabled', shown);
}

/** All is visible, in files of this folder. */
export function assertActive(report: Report, folder: string): void {
  const { before, status, again, strict, after } = report;
  const shown = JSON.stringify(report);
  assert.equal(before, 'disabled', shown);
  assert.equal(status.state, 'active', shown);
  assert.equal(status.storage, 'file', shown);
  assert.equal(status.detail, undefined, shown);
  assert.equal(dirname(status.file ?? ''), folder, shown);
  assert.equal(again.files?.length, 2, shown);
  assert.equal(strict, null, shown);
  assert.equal(after, 'disabled', shown);
}
