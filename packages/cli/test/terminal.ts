/** A real terminal for tests: a shell in a tmux of its own. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { MAIN } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';

export interface Terminal {
  /** Types a line for the shell, `usdt` being ours. */
  readonly run: (line: string) => void;
  /** As of tmux: `q`, `C-c`, `Space`. */
  readonly press: (...keys: readonly string[]) => void;
  /** What is on the screen. */
  readonly screen: () => string;
  /** With the escape sequences of colours. */
  readonly colored: () => string;
  /** Whether a program has taken the whole screen. */
  readonly taken: () => boolean;
  readonly cursorShown: () => boolean;
  /** The process that the shell waits for. */
  readonly child: () => number;
  readonly resize: (columns: number, rows: number) => void;
  /** Waits for it, and returns the screen. */
  readonly until: (condition: (screen: string) => boolean, what: string) => Promise<string>;
  readonly close: () => void;
}

let terminals = 0;

/** @param folder for the cache of `usdt` and of what it runs. */
export function openTerminal(folder: string, columns = 100, rows = 30): Terminal {
  const socket = `usdt-test-${process.pid}-${terminals++}`;
  const tmux = (...args: readonly string[]): string =>
    execFileSync('tmux', ['-L', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8', TERM: 'xterm-256color', TMUX: '' },
    });
  const variables = { LIBUSDT_DIR: `${folder}/cache`, LC_ALL: 'C.UTF-8' };
  const environment = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  tmux('new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, ...environment, 'bash --norc --noprofile');
  tmux('send-keys', '-l', `usdt() { "${process.execPath}" "${MAIN}" "$@"; }; PS1='ready> '; clear\n`);
  const show = (format: string): string => tmux('display-message', '-p', format).trim();
  const screen = (): string => tmux('capture-pane', '-p');
  const close = (): void => {
    process.removeListener('exit', close);
    try {
      tmux('kill-server');
    } catch {
      // It has ended by itself.
    }
  };
  process.on('exit', close);
  return {
    run: (line) => tmux('send-keys', '-l', `${line}\n`),
    press: (...keys) => tmux('send-keys', ...keys),
    screen,
    colored: () => tmux('capture-pane', '-p', '-e'),
    taken: () => show('#{alternate_on}') === '1',
    cursorShown: () => show('#{cursor_flag}') === '1',
    child: () => {
      const shell = show('#{pane_pid}');
      return Number(
        fs.readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ').at(-1),
      );
    },
    resize: (width, height) => tmux('resize-window', '-x', `${width}`, '-y', `${height}`),
    until: async (condition, what) => {
      let text = '';
      const appears = (): boolean => {
        text = screen();
        return condition(text);
      };
      await until(appears, what).catch((error: unknown) => {
        throw new Error(`${what} did not appear:\n${text}`, { cause: error });
      });
      return text;
    },
    close,
  };
}
