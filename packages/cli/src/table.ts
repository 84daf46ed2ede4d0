/**
 * Tables of text without lines.
 */

import stringWidth from 'string-width';

/** Between columns. */
const GAP = '  ';

/**
 * @param aligns of the columns; left if not given.
 * @returns a line for the head and for each row, without blanks at the end.
 */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[] = [],
): string[] {
  const widths = head.map(cellWidth);
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cellWidth(cell));
    });
  }
  const lines: string[] = [];
  const add = (row: readonly string[]): void => {
    const cells = row.map((cell, column) => {
      const blanks = ' '.repeat(widths[column]! - cellWidth(cell));
      return aligns[column] === 'right' ? blanks + cell : cell + blanks;
    });
    lines.push(cells.join(GAP).trimEnd());
  };
  add(head);
  for (const row of rows) add(row);
  return lines;
}

/** Columns on a terminal. Most cells need no closer look, and a table may have a hundred thousand rows. */
function cellWidth(cell: string): number {
  return /^[ -~]*$/.test(cell) ? cell.length : stringWidth(cell);
}
