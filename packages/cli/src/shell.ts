/**
 * Words for a shell's command line.
 */

/** What every shell takes as it is. */
const PLAIN = /^[\w%+,./:=@-]+$/;

/** A text as one word: nothing in it means anything to a POSIX shell, whatever it is. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  // Double quotes are easier on the eye, where nothing in them means anything either.
  return text.includes("'") && !/["$`\\!]/.test(text) ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
