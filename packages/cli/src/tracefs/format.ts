/**
 * `format` files of events, and `header_page`: where each field is in a record.
 * https://docs.kernel.org/trace/events.html#event-formats
 */

export interface FormatField {
  readonly name: string;
  /** C type, as in `__data_loc char[]`. */
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

export interface EventFormat {
  /** What the first two bytes of a record say. */
  readonly id: number;
  readonly fields: ReadonlyMap<string, FormatField>;
}

const FIELD = /^\s*field:\s*(.+?)\s*(\w+)(\[[^\]]*\])?;\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d))?/;

export function parseFields(text: string): Map<string, FormatField> {
  const fields = new Map<string, FormatField>();
  for (const line of text.split('\n')) {
    const match = FIELD.exec(line);
    if (!match) continue;
    const [, type, name, array = '', offset, size, signed] = match;
    fields.set(name!, {
      name: name!,
      type: `${type}${array}`,
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
    });
  }
  return fields;
}

/** @throws TypeError for text without an ID. */
export function parseEventFormat(text: string): EventFormat {
  const id = /^ID:\s*(\d+)/m.exec(text);
  if (!id) throw new TypeError('an event format without an ID');
  return { id: Number(id[1]), fields: parseFields(text) };
}
