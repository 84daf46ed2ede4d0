/**
 * How text that others chose is shown: names of probes, paths, names of threads, messages with such. A file's owner
 * chooses what is in its notes, and any user the name of a thread.
 *
 * - For people it is escaped and cut: `shown`. Different texts stay different, since what was changed has a backslash,
 *   and a backslash of the text itself is doubled.
 * - In JSON it is exact: `toJson`.
 *
 * Names that are not UTF-8 have lone surrogates for bytes (`decodeText` of libusdt), which are shown as `\xff`.
 */

/**
 * Controls (a terminal acts on those of C1 too), what is not seen or turns the direction of text around (Cf), what no
 * font has (Co, Cn), lone surrogates, and ends of lines and paragraphs.
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** In a name also every space but a single one within, so that a name can't look like two columns. */
const UNSEEN_IN_NAME = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}|^ | $|(?<= ) /gu;
/** Nearly all text is like this. */
const PLAIN = /^(?:[!-[\]-~]+(?: [!-[\]-~]+)*)?$/;
/** Nothing to look for in it. */
const PRINTABLE = /^[ -~]*$/;
/** Ends of lines stay. */
const UNSEEN_IN_LINE = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;

/** Characters of a name or a path that are shown. */
export const NAME_MAX = 200;
/** Of somebody else's sentence, such as an error's message. */
export const SENTENCE_MAX = 1000;

const SHORT: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * A name, or other text that someone else chose, for people: in one line, without anything that a terminal acts on.
 * What is longer than `most` is cut, and says how long it is: `aaaa\...(5000#1f3a9b2c)`, with a hash of the whole text
 * (the first 32 bits of SHA-256) by which different ones are told apart.
 */
export function shown(text: string, most = NAME_MAX): string {
  if (text.length <= most && PLAIN.test(text)) return text;
  return cut(text.replace(UNSEEN_IN_NAME, escaped), most, text);
}

/** Cuts what has no other backslashes than those of escapes. @param whole what it was before it was escaped. */
export function cut(text: string, most: number, whole = text): string {
  if (text.length <= most) return text;
  const mark = `\\...(${Array.from(whole).length}#${hash(whole)})`;
  let kept = '';
  // Neither an escape nor a character is divided.
  for (const [part] of text.slice(0, most).matchAll(/\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\[^ux]|[^\\]/gsu)) {
    if (kept.length + part.length + mark.length > most) break;
    kept += part;
  }
  return kept + mark;
}

/** Text in quotes, as JSON writes it: the value of an argument. */
export function quoted(text: string): string {
  return escapeUnseen(JSON.stringify(text));
}

/** Escapes what has no place in a line of text, and leaves backslashes: for text that is itself a notation, as JSON is. */
export function escapeUnseen(text: string): string {
  return PRINTABLE.test(text) ? text : text.replace(UNSEEN, escaped);
}

/**
 * A message, of one line or more: names in it have been escaped by `shown`. Whatever was not still can't act on the
 * terminal, or begin a line.
 */
export function message(text: string): string {
  return text.replace(UNSEEN_IN_LINE, escaped).replaceAll('\n', '\n  ');
}

/**
 * JSON in one line. JSON has no integers beyond 2^53 that all readers take as such: those are strings. It reads as the
 * exact text, and what a terminal could act on is escaped.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item));
  return PRINTABLE.test(text) ? text : text.replace(UNSEEN, inUnits);
}

/** The value of an argument for `toJson`. JSON has no infinity and no NaN: those are strings; what could not be read is null. */
export function jsonValue(
  value: number | bigint | boolean | string | undefined,
): number | boolean | string | null {
  if (value === undefined) return null;
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value);
  return value;
}

/**
 * For readers that take UTF-8 only: exact but for backslashes, which are doubled, and bytes that are not UTF-8, which
 * become `\xff`.
 */
export function validText(text: string): string {
  return text.replace(/[\\\p{Cs}]/gu, escaped);
}

function escaped(character: string): string {
  const unit = character.charCodeAt(0);
  // A byte that is not UTF-8.
  if (character.length === 1 && unit >= 0xdc80 && unit <= 0xdcff) return `\\x${(unit - 0xdc00).toString(16)}`;
  return SHORT[character] ?? inUnits(character);
}

function inUnits(character: string): string {
  let text = '';
  for (let i = 0; i < character.length; i++)
    text += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return text;
}

/** Loaded when it is needed, which is hardly ever. */
function hash(text: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(Buffer.from(text, 'utf16le')).digest('hex').slice(0, 8);
}
