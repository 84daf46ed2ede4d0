/**
 * What a command can end with. The exit codes are part of the interface: docs/cli/README.md lists them.
 */

import { shown } from './text.ts';

export const EXIT = {
  ok: 0,
  /** Something went wrong while it ran: a file can't be read, the kernel refused. */
  failure: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** No probe matched. */
  nothing: 3,
  /** The system lacks what the command needs: tracefs, permissions. */
  unavailable: 4,
  /** A traced command succeeded, but something that it started began before its probes were attached. */
  incomplete: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error that is told to the user in one line, without a stack. */
export class CommandError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

export class UsageError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.usage);
  }
}

export class FailureError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.failure);
  }
}

export class NothingMatchedError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.nothing);
  }
}

export class UnavailableError extends CommandError {
  constructor(message: string) {
    super(message, EXIT.unavailable);
  }
}

/** The code of a system error (`ENOENT`), or an empty string. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Why a file can't be written, by the system's code. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'there is no such folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EISDIR: 'it is a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file would be larger than is allowed',
  EPIPE: 'nobody reads it any more',
};

/** Says that a file can't be written, and why. */
export function writeProblem(path: string, error: unknown): string {
  const code = systemCode(error);
  return `can't write ${shown(path)}: ${REASONS[code] ?? (code || String(error))}`;
}
