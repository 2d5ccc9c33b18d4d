import { printable } from "./printable.ts";

/**
 * Lays rows out in columns for a terminal.
 *
 * @param texts  cells of text; all rows of one length
 * @returns lines, each column as wide as its widest cell, two spaces between
 */
export function formatTable(texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map((cell) => printable(cell)));
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
