/**
 * Several files as one text: a shell script that writes them.
 */

import { shellWord } from '../shell.ts';
import type { ScriptFile } from './script.ts';

/** No content ends a file early: what does is a line that it does not have. */
export function archive(files: readonly ScriptFile[]): string {
  const parts = files.map(({ name, text }) => {
    const lines = new Set(text.split('\n'));
    let end = 'END OF FILE';
    while (lines.has(end)) end += '.';
    return `cat > ${shellWord(name)} <<'${end}'\n${text}${end}\n`;
  });
  return `#!/bin/sh\n${parts.join('')}`;
}
