import type { Io } from "../io.ts";

/** Whether somebody looks at a terminal that can redraw a line. */
export function wantsProgress(io: Io): boolean {
  const { CI, TERM } = io.env;
  return io.stderr.isTTY === true && TERM !== "dumb" && (CI === undefined || CI === "" || CI === "false");
}

/** Whether stderr takes colours (no-color.org). */
export function wantsColor(io: Io): boolean {
  const { NO_COLOR, TERM } = io.env;
  return io.stderr.isTTY === true && TERM !== "dumb" && (NO_COLOR === undefined || NO_COLOR === "");
}
