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

/** @internal */
export function setActiveMonitor(monitor: Monitor | null): void {
  active = monitor;
}
