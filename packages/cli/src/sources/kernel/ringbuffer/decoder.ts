/**
 * Records of uprobe events -> values of arguments.
 */

import type { EventFormat, FormatField } from '../../../tracefs/format.ts';
import type { ArgumentType } from '../../../types.ts';
import { type ArgumentReader, FAULT, textLength, textStart } from '../../record.ts';
import type { FetchArgument } from '../fetch-args.ts';

const nothing: ArgumentReader = () => undefined;

/**
 * @param names the fields that have the arguments.
 * @param fetches how they were asked for.
 */
export function argumentReaders(
  format: EventFormat,
  names: readonly (string | undefined)[],
  fetches: readonly FetchArgument[],
  types: readonly ArgumentType[],
): ArgumentReader[] {
  return fetches.map((fetch, index) => {
    const field = format.fields.get(names[index] ?? '');
    return fetch.expressible && field ? argumentReader(field, fetch, types[index]!) : nothing;
  });
}

function argumentReader(
  field: FormatField,
  fetch: Extract<FetchArgument, { expressible: true }>,
  type: ArgumentType,
): ArgumentReader {
  const at = field.offset;
  if (fetch.string) return (bytes, view, start) => readString(bytes, view.getUint32(start + at, true), start);
  const { size } = fetch;
  if (type.kind === 'double') {
    if (size === 8) return (_, view, start) => view.getFloat64(start + at, true);
    if (size === 4) return (_, view, start) => view.getFloat32(start + at, true);
  }
  const integer = integerReader(at, size, type.signed ?? fetch.signed);
  if (type.kind === 'bool') return (bytes, view, start) => Boolean(integer(bytes, view, start));
  if (type.scale !== 1) return (bytes, view, start) => Number(integer(bytes, view, start)) / type.scale;
  return integer;
}

function integerReader(at: number, size: 1 | 2 | 4 | 8, signed: boolean): ArgumentReader {
  switch (size) {
    case 1:
      return signed
        ? (_, view, start) => view.getInt8(start + at)
        : (_, view, start) => view.getUint8(start + at);
    case 2:
      return signed
        ? (_, view, start) => view.getInt16(start + at, true)
        : (_, view, start) => view.getUint16(start + at, true);
    case 4:
      return signed
        ? (_, view, start) => view.getInt32(start + at, true)
        : (_, view, start) => view.getUint32(start + at, true);
    case 8:
      return signed
        ? (_, view, start) => {
            const high = view.getInt32(start + at + 4, true);
            return high >= -0x20_0000 && high < 0x20_0000
              ? high * 0x1_0000_0000 + view.getUint32(start + at, true)
              : view.getBigInt64(start + at, true);
          }
        : (_, view, start) => {
            const high = view.getUint32(start + at + 4, true);
            return high < 0x20_0000
              ? high * 0x1_0000_0000 + view.getUint32(start + at, true)
              : view.getBigUint64(start + at, true);
          };
  }
}

/** Where in a record the `__data_loc` of each argument is that is text; -1 for others. */
export function textFields(
  format: EventFormat,
  names: readonly (string | undefined)[],
  fetches: readonly FetchArgument[],
): number[] {
  return fetches.map((fetch, index) =>
    fetch.expressible && fetch.string ? (format.fields.get(names[index] ?? '')?.offset ?? -1) : -1,
  );
}

function readString(bytes: Buffer, location: number, start: number): string | undefined {
  const length = textLength(location);
  if (length < 0) return undefined;
  const from = textStart(location, start);
  const text = bytes.toString('utf8', from, from + length);
  return text === FAULT ? undefined : text;
}
