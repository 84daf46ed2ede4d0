/**
 * The export trie: the only place where dlsym(3) looks for an image's symbols.
 *
 * A node is: the size of its terminal information (ULEB128, 0 if no symbol ends here), that information (flags and
 * address, both ULEB128), the number of children (one byte), and for each child the text of its edge with a NUL and
 * the offset of its node from the start of the trie (ULEB128). The root comes first.
 *
 * Since the offsets are of variable length, and the nodes' places depend on them, sizes are computed until they no
 * longer change.
 * https://github.com/apple-oss-distributions/dyld/blob/main/mach_o/ExportsTrie.cpp
 */

import { EXPORT_SYMBOL_FLAGS_KIND_REGULAR } from './constants.ts';
import { uleb128 } from './leb128.ts';

export interface PlacedSymbol {
  /** As in the symbol table: with C's leading underscore. */
  readonly name: string;
  /** From the start of the image. */
  readonly address: number;
}

interface Node {
  /** Terminal information. */
  info: readonly number[];
  readonly edges: { readonly text: readonly number[]; readonly node: Node }[];
  offset: number;
}

const encoder = new TextEncoder();

/** @throws RangeError for an empty name, one that occurs twice, or has a NUL. */
export function encodeExportTrie(symbols: readonly PlacedSymbol[]): Uint8Array {
  const entries = symbols.map(({ name, address }) => {
    if (name === '' || name.includes('\0'))
      throw new RangeError(`not a symbol's name: ${JSON.stringify(name)}`);
    return { bytes: [...encoder.encode(name)], address };
  });
  entries.sort((a, b) => compare(a.bytes, b.bytes));
  const root = build(entries, 0);

  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    for (const edge of node.edges) visit(edge.node);
  };
  visit(root);
  let size = 0;
  for (let changed = true; changed; ) {
    changed = false;
    size = 0;
    for (const node of nodes) {
      if (node.offset !== size) changed = true;
      node.offset = size;
      size += encodeNode(node).length;
    }
  }
  return Uint8Array.from(nodes.flatMap(encodeNode));
}

/** The node of all entries, which have their first `depth` bytes in common. */
function build(
  entries: readonly { readonly bytes: readonly number[]; readonly address: number }[],
  depth: number,
): Node {
  const [first] = entries;
  const ends = first !== undefined && first.bytes.length === depth;
  if (ends && entries[1]?.bytes.length === depth) throw new RangeError('a symbol is exported twice');
  const node: Node = { info: [], edges: [], offset: 0 };
  if (ends) node.info = [...uleb128(EXPORT_SYMBOL_FLAGS_KIND_REGULAR), ...uleb128(first.address)];
  const rest = ends ? entries.slice(1) : entries;
  for (let from = 0; from < rest.length; ) {
    const start = rest[from]!.bytes[depth]!;
    let to = from + 1;
    while (to < rest.length && rest[to]!.bytes[depth] === start) to++;
    const group = rest.slice(from, to);
    // Sorted: what the first and the last have in common, all have.
    const [low, high] = [group[0]!.bytes, group.at(-1)!.bytes];
    let common = depth + 1;
    while (common < low.length && common < high.length && low[common] === high[common]) common++;
    node.edges.push({ text: low.slice(depth, common), node: build(group, common) });
    from = to;
  }
  return node;
}

function encodeNode({ info, edges }: Node): number[] {
  return [
    ...uleb128(info.length),
    ...info,
    edges.length,
    ...edges.flatMap(({ text, node }) => [...text, 0, ...uleb128(node.offset)]),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < a.length && index < b.length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}
