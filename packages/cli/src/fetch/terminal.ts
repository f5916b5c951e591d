import type { Io } from "../io.ts";

/** Whether somebody looks at a terminal that can redraw a line. */
export function wantsProgress(io: Io): boolean {
  const { CI, TERM } = io.env;
  const { isTTY, columns = 80, rows = 24 } = io.stderr;
  // A pseudo-terminal that nobody looks at often has no size.
  return (
    isTTY === true && columns > 0 && rows > 0 && TERM !== "dumb" && (CI === undefined || CI === "" || CI === "false")
  );
}

/** Whether stderr takes colours (no-color.org). */
export function wantsColor(io: Io): boolean {
  const { NO_COLOR, TERM } = io.env;
  return io.stderr.isTTY === true && TERM !== "dumb" && (NO_COLOR === undefined || NO_COLOR === "");
}
