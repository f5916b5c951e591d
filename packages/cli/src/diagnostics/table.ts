const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;
const narrowOnly = /^[\u0020-\u02FF]*$/;

/** How many columns of a terminal a text without control characters takes. */
function widthOf(text: string): number {
  if (narrowOnly.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += /\p{M}/u.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return width;
}

/** As much of a text as fits into so many columns. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) break;
    kept += character;
  }
  return columns < 1 ? "" : `${kept}…`;
}

/** Rows with their columns below each other; the first is the head. A column with a name in `right` ends at the right. */
export function table(rows: readonly (readonly string[])[], right: readonly string[] = []): string[] {
  const [head = []] = rows;
  const widths = head.map((_, column) => rows.reduce((most, cells) => Math.max(most, widthOf(cells[column]!)), 0));
  return rows.map((cells) => {
    const padded = cells.map((cell, column) => {
      const space = " ".repeat(widths[column]! - widthOf(cell));
      return right.includes(head[column]!) ? space + cell : cell + space;
    });
    return padded.join("  ").trimEnd();
  });
}
