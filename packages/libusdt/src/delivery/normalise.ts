/**
 * The first of two steps from a JavaScript value to an argument word: whatever may run the user's code (toString,
 * toJSON, valueOf, getters) runs here, and nothing that it throws gets out. What is left is plain, and the second step
 * (frame-writer.ts) runs no user code: a value that fires probes itself can't spoil a half-written frame.
 */

import type { CType } from '../ctypes/ctypes.ts';
import { types } from '../runtime/runtime.ts';

/** A number or bigint for integers, bools and doubles; a string; bytes; null for the null pointer. */
export type NormalValue = number | bigint | string | Uint8Array | null;

export function normalise(type: CType, value: unknown): NormalValue {
  switch (type.kind) {
    case 'integer':
      if (type.scale !== 1) return scale(toNumeric(type, value), type.scale);
      return typeof value === 'number' ? value : toNumeric(type, value);
    case 'string':
      return typeof value === 'string' ? value : toText(value);
    case 'json':
      return toJson(value);
    case 'bool':
      return value ? 1 : 0;
    case 'double':
      return typeof value === 'number' ? value : Number(toNumeric(type, value));
    case 'pointer':
      return toBytes(value);
  }
}

/** Decimal, of at most the digits that 64 bits have: a long text must not cost a long multiplication. */
const INTEGER_TEXT = /^\s*[-+]?\d{1,20}\s*$/;

function toNumeric(type: CType, value: unknown): number | bigint {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return value;
    case 'boolean':
      return value ? 1 : 0;
    case 'string':
      return type.kind === 'integer' && INTEGER_TEXT.test(value) ? BigInt(value) : Number(value);
    case 'object':
    case 'function':
      try {
        return Number(value);
      } catch {
        return 0;
      }
    default:
      return 0;
  }
}

function scale(value: number | bigint, factor: number): number | bigint {
  // Wrapped first: the product of a huge bigint would be costly, or an error.
  if (typeof value === 'bigint') return BigInt.asIntN(64, value) * BigInt(factor);
  return Math.round(value * factor);
}

function toText(value: unknown): string {
  try {
    return String(value);
  } catch (error) {
    return `[threw: ${messageOf(error)}]`;
  }
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    try {
      return JSON.stringify(value, bigintAsText) ?? 'undefined';
    } catch (error) {
      return JSON.stringify({ error: messageOf(error) });
    }
  }
}

/** JSON has no bigint, and JSON.stringify throws on one. */
function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function messageOf(error: unknown): string {
  try {
    return types.isNativeError(error) ? String(error.message) : String(error);
  } catch {
    return 'an error without a message';
  }
}

function toBytes(value: unknown): Uint8Array | null {
  try {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (types.isAnyArrayBuffer(value)) return new Uint8Array(value);
  } catch {
    // Detached, or a getter in its way.
  }
  return null;
}
