import type { Monitor } from "./monitor.ts";

// Apart from enable(), which starts what asks for the monitor here.
let active: Monitor | null = null;

/**
 * The monitor that `enable()` has started, or `null`.
 *
 * @example
 * ```ts
 * import { activeMonitor, disable, enable } from "snowshed/diagnostics";
 *
 * const monitor = enable("test");
 * console.log(activeMonitor() === monitor); // true
 * disable();
 * console.log(activeMonitor()); // null
 * ```
 */
export function activeMonitor(): Monitor | null {
  return active;
}

const key = Symbol.for("snowshed.monitor.v1");
/** How the monitor is stopped that watches now: it may be that of another copy of this package. */
const place = globalThis as { [key]?: (() => void) | undefined };

/**
 * Stops the monitor of another copy of the package, if there is one: it would not see any more how tasks end, and take
 * them for asleep. @internal
 */
export function stopOthers(): void {
  place[key]?.();
}

/** @internal */
export function setActiveMonitor(monitor: Monitor | null): void {
  active = monitor;
  place[key] = monitor === null ? undefined : () => monitor[Symbol.dispose]();
}
