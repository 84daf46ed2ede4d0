/**
 * The language of `--where`: `arg1 == 200 && comm != "node"`. What the kernel's event filter can decide is given to
 * the kernel, so that records which nobody wants are never written; the rest is decided here.
 *
 *     or      = and { "||" and }
 *     and     = not { "&&" not }
 *     not     = "!" not | "(" or ")" | field operator value
 *     field   = "arg0" "arg1" ... | "pid" | "tid" | "comm" | "thread"
 *     operator= "==" "!=" "<" ">" "<=" ">=" "~"          ("~": a shell pattern, for text)
 *     value   = number | "text" | 'text'
 *
 * `comm` is the process' name or the thread's: it is equal if one of them is. `thread` is the thread's alone.
 * A comparison with an argument that the probe does not have, or with a value of another kind, is false.
 * The kernel's language: https://docs.kernel.org/trace/events.html#event-filtering
 */

import { UsageError } from './errors.ts';
import { globToRegExp } from './pattern.ts';
import type { ArgumentValue } from './sources/source.ts';

export type Operator = '==' | '!=' | '<' | '>' | '<=' | '>=' | '~';

export type Where =
  | { readonly op: 'and' | 'or'; readonly left: Where; readonly right: Where }
  | { readonly op: 'not'; readonly operand: Where }
  | {
      readonly op: 'compare';
      /** -1 for one of the named fields. */
      readonly argument: number;
      readonly field: string;
      readonly operator: Operator;
      readonly value: number | bigint | string;
      /** For `~`. */
      readonly glob: RegExp | undefined;
    };

/** What is compared. */
export interface Comparable {
  readonly args: readonly ArgumentValue[];
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  readonly thread: string;
}

const TOKEN =
  /\s*(?:(&&|\|\||[=!<>]=|[<>~!()])|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_]\w*)|([+-]?(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)))/iy;
const FIELDS: readonly string[] = ['pid', 'tid', 'comm', 'thread'];
const OPERATORS: readonly string[] = ['==', '!=', '<', '>', '<=', '>=', '~'];

/** @throws UsageError that shows where the text stops making sense. */
export function parseWhere(text: string): Where {
  const parser = new Parser(text);
  const where = parser.or();
  parser.end();
  return where;
}

class Parser {
  private readonly text: string;
  private at = 0;
  private token = '';
  private start = 0;

  constructor(text: string) {
    this.text = text;
    this.advance();
  }

  or(): Where {
    let left = this.and();
    while (this.take('||')) left = { op: 'or', left, right: this.and() };
    return left;
  }

  end(): void {
    if (this.token !== '') this.fail('expected && or ||');
  }

  private and(): Where {
    let left = this.not();
    while (this.take('&&')) left = { op: 'and', left, right: this.not() };
    return left;
  }

  private not(): Where {
    if (this.take('!')) return { op: 'not', operand: this.not() };
    if (!this.take('(')) return this.comparison();
    const inner = this.or();
    if (!this.take(')')) this.fail('expected )');
    return inner;
  }

  private comparison(): Where {
    const field = this.token;
    const argument = /^arg(\d+)$/.exec(field);
    if (!argument && !FIELDS.includes(field)) this.fail('expected arg0, arg1, ..., pid, tid, comm or thread');
    this.advance();
    const operator = this.token;
    if (!OPERATORS.includes(operator)) this.fail('expected == != < > <= >= or ~');
    this.advance();
    const value = this.value();
    if (operator === '~' && typeof value !== 'string') this.fail('expected text in quotes behind ~');
    return {
      op: 'compare',
      argument: argument ? Number(argument[1]) : -1,
      field,
      operator: operator as Operator,
      value,
      glob: operator === '~' ? globToRegExp(String(value)) : undefined,
    };
  }

  private value(): number | bigint | string {
    const { token } = this;
    if (/^["']/.test(token)) {
      this.advance();
      return token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    }
    if (!/^[+-]?\d/.test(token)) this.fail('expected a number, or text in quotes');
    this.advance();
    const negative = token.startsWith('-');
    const digits = token.replace(/^[+-]/, '');
    if (/[.]|^\d+e/i.test(digits)) return Number(token);
    const exact = negative ? -BigInt(digits) : BigInt(digits);
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  }

  private take(token: string): boolean {
    if (this.token !== token) return false;
    this.advance();
    return true;
  }

  private advance(): void {
    TOKEN.lastIndex = this.at;
    const match = TOKEN.exec(this.text);
    if (match) {
      this.token = match[1] ?? match[2] ?? match[3] ?? match[4]!;
      this.start = TOKEN.lastIndex - this.token.length;
      this.at = TOKEN.lastIndex;
      return;
    }
    this.start = this.text.length - this.text.slice(this.at).trimStart().length;
    this.token = '';
    if (this.start < this.text.length) this.fail('unexpected character');
  }

  private fail(message: string): never {
    throw new UsageError(`--where: ${message}\n  ${this.text}\n  ${' '.repeat(this.start)}^`);
  }
}

/** The argument numbers that an expression speaks of. */
export function whereArguments(where: Where): number[] {
  if (where.op === 'compare') return where.argument >= 0 ? [where.argument] : [];
  if (where.op === 'not') return whereArguments(where.operand);
  return [...whereArguments(where.left), ...whereArguments(where.right)];
}

export function evaluate(where: Where, event: Comparable): boolean {
  switch (where.op) {
    case 'and':
      return evaluate(where.left, event) && evaluate(where.right, event);
    case 'or':
      return evaluate(where.left, event) || evaluate(where.right, event);
    case 'not':
      return !evaluate(where.operand, event);
    case 'compare': {
      const { argument, field, operator, value, glob } = where;
      if (argument >= 0) return compare(event.args[argument], operator, value, glob);
      if (field !== 'comm') return compare(event[field as 'pid' | 'tid' | 'thread'], operator, value, glob);
      const names = [event.comm, event.thread];
      return operator === '!='
        ? names.every((name) => compare(name, operator, value, glob))
        : names.some((name) => compare(name, operator, value, glob));
    }
  }
}

function compare(
  actual: ArgumentValue,
  operator: Operator,
  value: number | bigint | string,
  glob: RegExp | undefined,
): boolean {
  if (actual === undefined) return false;
  if (glob) return typeof actual === 'string' && glob.test(actual);
  if ((typeof actual === 'string') !== (typeof value === 'string')) return false;
  const left = typeof actual === 'boolean' ? Number(actual) : actual;
  // Numbers and bigints compare by their value, which is what == and the others do, and === does not.
  switch (operator) {
    case '==':
      // biome-ignore lint/suspicious/noDoubleEquals: a number equals a bigint of the same value
      return left == value;
    case '!=':
      // biome-ignore lint/suspicious/noDoubleEquals: as above
      return left != value;
    case '<':
      return left < value;
    case '>':
      return left > value;
    case '<=':
      return left <= value;
    case '>=':
      return left >= value;
    default:
      return false;
  }
}

/** An argument as the kernel sees it; undefined if it can't compare it as the user would. */
export interface KernelField {
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
}

export interface SplitWhere {
  /** For the event's `filter` file; undefined for no filter. */
  readonly kernel: string | undefined;
  /** What remains to be decided here; undefined for nothing. */
  readonly rest: Where | undefined;
}

/** Divides an expression between the kernel and us. */
export function splitWhere(where: Where, fields: readonly (KernelField | undefined)[]): SplitWhere {
  const kernel: string[] = [];
  let rest: Where | undefined;
  for (const part of conjuncts(where)) {
    const text = kernelText(part, fields);
    if (text !== undefined) kernel.push(text);
    else rest = rest ? { op: 'and', left: rest, right: part } : part;
  }
  return { kernel: kernel.length > 0 ? kernel.join(' && ') : undefined, rest };
}

function conjuncts(where: Where): Where[] {
  return where.op === 'and' ? [...conjuncts(where.left), ...conjuncts(where.right)] : [where];
}

function kernelText(where: Where, fields: readonly (KernelField | undefined)[]): string | undefined {
  if (where.op === 'compare') {
    if (typeof where.value === 'string' || where.operator === '~') return undefined;
    if (where.field === 'tid') {
      return inRange(where.value, { size: 4, signed: true })
        ? `common_pid ${where.operator} ${where.value}`
        : undefined;
    }
    const field = where.argument >= 0 ? fields[where.argument] : undefined;
    // The kernel would cut the number to the field's size.
    if (!field || !inRange(where.value, field)) return undefined;
    return `arg${where.argument} ${where.operator} ${where.value}`;
  }
  if (where.op === 'not') {
    const operand = kernelText(where.operand, fields);
    return operand === undefined ? undefined : `!(${operand})`;
  }
  const left = kernelText(where.left, fields);
  const right = kernelText(where.right, fields);
  if (left === undefined || right === undefined) return undefined;
  return `(${left} ${where.op === 'and' ? '&&' : '||'} ${right})`;
}

function inRange(value: number | bigint, { size, signed }: KernelField): boolean {
  if (typeof value === 'number' && !Number.isInteger(value)) return false;
  const exact = BigInt(value);
  const bits = size * 8;
  return (signed ? BigInt.asIntN(bits, exact) : BigInt.asUintN(bits, exact)) === exact;
}
