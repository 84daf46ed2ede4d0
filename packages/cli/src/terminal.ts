/**
 * A terminal that is drawn on as a whole, and given back as it was, whatever ends the process.
 */

import * as fs from 'node:fs';

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: DECSET 1049 is the alternate screen, 25 the cursor, 7 the
// wrapping of long lines.
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const CONTROL_C = '\x03';
const CONTROL_Z = '\x1a';

/** Whether the locale has characters beyond ASCII. */
export function hasUnicode(env: NodeJS.ProcessEnv = process.env): boolean {
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}

export interface ScreenHandlers {
  /** The terminal's size is another, or it is ours again: draw. */
  readonly redraw: () => void;
  /** A key, if keys are read. Those that signal have their usual meaning. */
  readonly key?: (key: string) => void;
}

/** Takes the terminal that is the standard output. */
export class Screen {
  private readonly handlers: ScreenHandlers;
  private readonly restore = (): void => this.giveBack();
  private readonly onContinue = (): void => this.take();
  private readonly onInput = (data: Buffer): void => this.input(data.toString());
  private taken = false;

  constructor(handlers: ScreenHandlers) {
    this.handlers = handlers;
    this.take();
    process.on('exit', this.restore);
    process.on('SIGCONT', this.onContinue);
    process.stdout.on('resize', this.handlers.redraw);
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  /** Leaves a frame out rather than wait for a slow terminal. */
  draw(lines: readonly string[]): void {
    if (!this.taken || process.stdout.writableNeedDrain) return;
    const text = lines.slice(0, this.rows).join(`${CLEAR_LINE}\n`);
    process.stdout.write(`${HOME}${text}${CLEAR_LINE}${CLEAR_BELOW}`);
  }

  close(): void {
    process.removeListener('exit', this.restore);
    process.removeListener('SIGCONT', this.onContinue);
    process.stdout.removeListener('resize', this.handlers.redraw);
    this.giveBack();
  }

  private take(): void {
    if (!this.taken) write(ENTER);
    this.taken = true;
    if (this.handlers.key && process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on('data', this.onInput);
      process.stdin.resume();
    }
    this.handlers.redraw();
  }

  private giveBack(): void {
    if (!this.taken) return;
    this.taken = false;
    if (this.handlers.key && process.stdin.isTTY) {
      process.stdin.setRawMode(false);
      process.stdin.removeListener('data', this.onInput);
      process.stdin.pause();
    }
    write(LEAVE);
  }

  private input(text: string): void {
    if (text === CONTROL_C) process.kill(process.pid, 'SIGINT');
    else if (text === CONTROL_Z) {
      this.giveBack();
      process.kill(process.pid, 'SIGTSTP');
    } else this.handlers.key?.(text);
  }
}

/** At once, also while the process ends. */
function write(text: string): void {
  try {
    fs.writeSync(1, text);
  } catch {
    // The terminal is gone, or takes nothing just now.
  }
}
