/** Names that nobody would give a probe but to do harm, for property tests. */
import fc from 'fast-check';

/** What a terminal acts on, what is not seen, what is no character, and what ends a line. */
export const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Ends of strings, comments, lines, formats, here-documents and so on; `touch stolen` is what must never run. */
export const SPITEFUL: readonly string[] = [
  '"',
  "'",
  '`',
  '\\',
  '%s%n',
  '%',
  '$(touch stolen)',
  '`touch stolen`',
  '"; touch stolen; "',
  "'; touch stolen; '",
  '\ntouch stolen\n',
  '\nEND OF FILE\ntouch stolen\n',
  '\nEOF\ntouch stolen\n',
  '*/',
  '/*',
  '//',
  '#',
  '*/ BEGIN { system("touch stolen") } /*',
  '"); } BEGIN { system("touch stolen"); } //',
  '\x1b[2J\x1b]0;owned\x07',
  '\x9b31m',
  '\r\n',
  '\u2028',
  '\u202eevil\u202c',
  '\u200b',
  '{',
  '}',
  ': ',
  '- x: y',
  '&a *b',
  '%{ system("touch stolen") %}',
  '??/',
  '$1',
  '@1',
  'ns::type<int>',
  'a.b-c__d',
  '*',
  '?[a]',
  ',',
  ';',
  '|',
  '  ',
  'é',
  '👩‍🚀',
  '\ufeff',
];

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...SPITEFUL) },
  fc.stringMatching(/^[a-z_]{1,8}$/),
  fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 4 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
);

/** As `decodeText` gives them: never empty, no NUL, of lone surrogates only those that stand for bytes. */
export const foreignName: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 8, arbitrary: fc.array(piece, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')) },
    fc.tuple(piece, fc.integer({ min: 100, max: 5000 })).map(([text, n]) => text.repeat(n)),
    fc.constantFrom('\udcff', '\udcfe', 'a\udc80b', 'a\udc9bb'),
  )
  .map((text) => text.replaceAll('\0', ''))
  .filter((text) => text !== '');
