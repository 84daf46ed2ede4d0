/** Programs that say in a comment what a tracer prints of them, so that both are seen on one page. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** The lines of the comment in a program that begins with `// A tracer prints:`, in order. */
export function expectedOutput(program: string): string[] {
  const text = readFileSync(program, 'utf8');
  const [, block] = /^\/\/ A tracer prints:\n((?:\/\/ {3}.*\n)+)/m.exec(text) ?? [];
  assert.ok(block, `${program} says what a tracer prints`);
  return block
    .trimEnd()
    .split('\n')
    .map((line) => line.slice('//   '.length));
}
