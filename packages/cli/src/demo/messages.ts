import process from "node:process";
import type { Phase } from "./timeline.ts";

// What the processes of the demonstration say to each other, over the channel that `fork` makes.

/** How a user fared: answered in time, refused at once, or neither. */
export type Fate = "good" | "shed" | "failed";

export type ToParent =
  | { readonly kind: "listening"; readonly port: number }
  /** Of the service, every 100 ms; `received` and `inflight` count orders, `limit` is what its protection allows now. */
  | {
      readonly kind: "gauges";
      readonly received: number;
      readonly inflight: number;
      readonly limit: number | null;
      readonly rss: number;
    }
  /** When they came, from the start; how they fared; how long they waited from when they meant to come. All in ms. */
  | { readonly kind: "fates"; readonly fates: readonly (readonly [at: number, fate: Fate, latency: number])[] }
  /** All users are done. `lag`: the 99th percentile of how late the generator itself was, in ms. */
  | { readonly kind: "done"; readonly lag: number };

export type ToChild =
  | { readonly kind: "start"; readonly plan: readonly Phase[]; readonly seed: number }
  | { readonly kind: "slowdown"; readonly factor: number };

export function tellParent(message: ToParent): void {
  process.send?.(message);
}

/** Listens to the parent, and ends with it: a child must not outlive a parent that was killed. */
export function onParent(listener: (message: ToChild) => void): void {
  process.on("message", listener);
  // oxlint-disable-next-line unicorn/no-process-exit -- nothing is left to do, whatever is still open
  process.on("disconnect", () => process.exit());
  // Ctrl-C reaches the whole group: the parent decides when it is over.
  process.on("SIGINT", () => {});
}
