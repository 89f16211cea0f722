/**
 * Text in columns of a terminal. Whatever a cell holds, it stays in its place: nothing in it moves the
 * cursor or turns the direction of writing, and it takes no more columns than it has.
 *
 * @module
 */

import { escaped } from "./log_line.ts";

/** Letters, signs and emoji that fill two columns (UAX 11, in blocks). */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Columns between two cells. */
const GAP = "  ";

/** Columns that a text takes at most: a mark over a letter is given one of its own. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += wide.test(character) ? 2 : 1;
  return width;
}

/** The text, or as much of its beginning as there is room for, and `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = "";
  let left = width - 1;
  for (const character of text) {
    left -= wide.test(character) ? 2 : 1;
    if (left < 0) break;
    kept += character;
  }
  return width > 0 ? `${kept}…` : "";
}

function padded(text: string, width: number, toTheRight: boolean): string {
  const room = " ".repeat(Math.max(0, width - widthOf(text)));
  return toTheRight ? room + text : text + room;
}

/** One column of a table. */
export interface Column {
  readonly heading: string;
  /** Of numbers, which end at the right. */
  readonly right?: boolean;
  /** Widest that it may be; for the last column what is left is the limit. */
  readonly most?: number;
}

/**
 * A table, its headings first, each column as wide as what stands in it.
 *
 * @param rows Cells, as many as there are columns.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const cells = [columns.map(({ heading }) => heading), ...rows]
    .map((row) => row.map((cell, at) => cut(escaped(cell), columns[at].most ?? width)));
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => widthOf(row[at]))));
  return cells.map((row) => {
    const line = row.map((cell, at) => padded(cell, widths[at], columns[at].right ?? false));
    return cut(line.join(GAP).trimEnd(), width);
  });
}

/** Blocks of lines side by side, each as wide as the others. */
export function beside(
  width: number,
  ...blocks: readonly ((width: number) => readonly string[])[]
): string[] {
  const each = Math.floor((width - GAP.length * (blocks.length - 1)) / blocks.length);
  const made = blocks.map((block) => block(each));
  const height = Math.max(...made.map(({ length }) => length));
  return Array.from({ length: height }, (_, row) => {
    const line = made.map((block) => padded(block[row] ?? "", each, false));
    return line.join(GAP).trimEnd();
  });
}
