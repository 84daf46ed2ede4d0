/**
 * C types of arguments -> what to make of the words that the kernel delivers. The names are those of libusdt's
 * declarations (`.note.libusdt`) and of the option `--types`.
 */

/** As libusdt names them. */
export type ArgumentKind = 'integer' | 'bool' | 'double' | 'string' | 'json' | 'pointer';

export interface ArgumentType {
  /** As written. */
  readonly name: string;
  readonly kind: ArgumentKind;
  /** Signedness of an integer; undefined leaves it to the SDT note. */
  readonly signed: boolean | undefined;
  /** A scaled integer, `int64_t*1000`: the value is the word divided by this. */
  readonly scale: number;
}

const INTEGERS: Readonly<Record<string, boolean | undefined>> = {
  char: undefined,
  'signed char': true,
  'unsigned char': false,
  short: true,
  'unsigned short': false,
  int: true,
  unsigned: false,
  'unsigned int': false,
  long: true,
  'unsigned long': false,
  'long long': true,
  'unsigned long long': false,
  size_t: false,
  ssize_t: true,
  ptrdiff_t: true,
  time_t: true,
  pid_t: true,
  off_t: true,
};
const SIZED_INTEGER = /^(u?)int(?:8|16|32|64|ptr)_t$/;
const KERNEL_INTEGER = /^([su])(?:8|16|32|64)$/;
const SCALED = /^(.*\S)\s*\*\s*(\d+)$/;

/** Whether an argument is a pointer to text, which is wanted instead of the pointer. */
export function isText({ kind }: Pick<ArgumentType, 'kind'>): boolean {
  return kind === 'string' || kind === 'json';
}

/** Undefined for a name that is not a type. */
export function argumentType(text: string): ArgumentType | undefined {
  const name = text.trim();
  const plain = name
    .replaceAll(/\b(const|volatile|restrict)\b/g, ' ')
    .replaceAll(/\s*\*\s*/g, ' *')
    .replaceAll(/\s+/g, ' ')
    .trim();
  const make = (kind: ArgumentKind, signed?: boolean, scale = 1): ArgumentType => ({
    name,
    kind,
    signed,
    scale,
  });
  const scaled = SCALED.exec(name);
  if (scaled) {
    const integer = argumentType(scaled[1]!);
    const scale = Number(scaled[2]);
    return integer?.kind === 'integer' && scale > 0 ? make('integer', integer.signed, scale) : undefined;
  }
  if (plain === 'json') return make('json');
  if (plain === 'string' || plain === 'char *') return make('string');
  if (plain.endsWith('*')) return make('pointer', false);
  if (plain === 'bool' || plain === '_Bool') return make('bool', false);
  if (plain === 'double' || plain === 'float') return make('double');
  if (Object.hasOwn(INTEGERS, plain)) return make('integer', INTEGERS[plain]);
  const sized = SIZED_INTEGER.exec(plain);
  if (sized) return make('integer', sized[1] === '');
  const kernel = KERNEL_INTEGER.exec(plain);
  return kernel ? make('integer', kernel[1] === 's') : undefined;
}
