/**
 * How the kernel is asked for the arguments of a site.
 */

import * as fs from 'node:fs';
import { readElfSymbols } from '../../catalogue/elf-file.ts';
import { reopen } from '../../catalogue/open-file.ts';
import type { ProbeFile, ProbeSite } from '../../catalogue/probe.ts';
import { FileSizeError } from '../../catalogue/sparse-file.ts';
import { symbolAddresses } from '../../catalogue/symbols.ts';
import { type ArgumentType, isText } from '../../types.ts';
import { type FetchArgument, fetchArgument, symbolsOfOperand } from './fetch-args.ts';

export function planFetches(
  file: ProbeFile,
  site: ProbeSite,
  types: readonly ArgumentType[],
): FetchArgument[] {
  const { arch } = file;
  const { address, offset } = site;
  if (arch === undefined || address === undefined || offset === undefined) {
    const reason =
      arch === undefined
        ? `the operands of this architecture (e_machine ${file.machine}) are not known`
        : 'the probe is not in a loaded segment';
    return site.arguments.map(() => ({ expressible: false, reason }));
  }
  const names = new Set(site.arguments.flatMap(({ operand }) => symbolsOfOperand(operand, arch)));
  const symbols = names.size > 0 ? readSymbols(file, names) : new Map<string, bigint>();
  const context = {
    arch,
    fixed: file.fixed,
    symbol: (name: string) => symbols.get(name),
    address,
    offset,
  };
  return site.arguments.map((argument, index) => fetchArgument(argument, context, isText(types[index]!)));
}

/** Without symbols, their operands can't be fetched: what is too large has none. */
function readSymbols(file: ProbeFile, names: ReadonlySet<string>): Map<string, bigint> {
  const fd = reopen(file);
  try {
    return symbolAddresses(readElfSymbols(fd), names);
  } catch (error) {
    if (!(error instanceof FileSizeError)) throw error;
    return new Map();
  } finally {
    fs.closeSync(fd);
  }
}
