import { systemClock } from "../clock.ts";
import { snapshot } from "./snapshot.ts";

/**
 * Where `snowshed dump --inspector` finds this module: by the inspector a program is asked in the middle of its code,
 * where nothing can be imported.
 */
const door = Symbol.for("snowshed.diagnostics.v1");

/** Makes snapshots reachable for the inspector of this process. @internal */
export function openInspectorDoor(): void {
  const value = { snapshot: (limit: number) => snapshot({ limit }) };
  // Of two copies of the package, the one that was asked last is found.
  Object.defineProperty(globalThis, door, { value, configurable: true, enumerable: false });
}

/**
 * Closes the inspector that a client has opened by a signal and could not close: of a process that was in a call of the
 * system. The event loop may hear of the signal after it has read this request, so not at once.
 *
 * @internal
 */
export function closeInspectorSoon(): void {
  systemClock.setTimeout(close, 100, false);
}

function close(): void {
  // A runtime without an inspector has nothing to close.
  void import("node:inspector").then((inspector) => inspector.close()).catch(() => {});
}
