// Aligned columns of text. It knows nothing of what the cells mean. Always true: all lines of one
// table have their columns at the same places, whatever styles the cells carry.
import { visibleWidth } from "./ansi.ts";

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. Default "left". */
  readonly align?: "left" | "right";
  /** Narrower than this it never gets, so that a table drawn again does not jump. */
  readonly widthMin?: number;
}

/** The header line and one line per row; cells may be styled. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly gap?: string; readonly styleHeader?: (text: string) => string } = {},
): string[] {
  const widths = columns.map((column, index) =>
    rows.reduce(
      (width, row) => Math.max(width, visibleWidth(row[index] ?? "")),
      Math.max(column.title.length, column.widthMin ?? 0),
    ),
  );
  const gap = options.gap ?? "  ";
  const line = (cells: readonly string[], style?: (text: string) => string): string =>
    columns
      .map((column, index) => {
        const cell = cells[index] ?? "";
        const room = " ".repeat(Math.max(0, (widths[index] ?? 0) - visibleWidth(cell)));
        const text = style === undefined ? cell : style(cell);
        return column.align === "right" ? room + text : text + room;
      })
      .join(gap)
      .trimEnd();
  const titles = columns.map((column) => column.title);
  return [line(titles, options.styleHeader), ...rows.map((row) => line(row))];
}
