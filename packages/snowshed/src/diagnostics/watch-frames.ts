import type { Socket } from "node:net";
import process from "node:process";
import { systemClock } from "../clock.ts";
import { activeMonitor } from "./active.ts";
import type { Profile, ProfileKind } from "./profile.ts";
import { profile } from "./profile.ts";
import type { DeadlockSnapshot, ResourceSnapshot, Snapshot, WarningSnapshot } from "./snapshot.ts";
import { snapshot } from "./snapshot.ts";

/** What `snowshed watch` shows: bounded however many tasks there are. */
export interface WatchFrame {
  readonly time: string;
  readonly totals: Snapshot["totals"];
  readonly profile: Profile;
  /** Those with the most pending first. */
  readonly resources: readonly ResourceSnapshot[];
  readonly warnings: readonly WarningSnapshot[];
  readonly deadlocks: readonly DeadlockSnapshot[];
  /** How many milliseconds later than meant this frame was made: what the event loop lags. */
  readonly lag: number;
  /** Bytes. */
  readonly memory: number;
  /** How many frames were not sent since the one before, because the client did not read. */
  readonly dropped: number;
}

const most = { groups: 100, looked: 1000, resources: 100, holders: 8, warnings: 20, deadlocks: 20 } as const;

/** Making frames may take this part of the time of the watched program: then they come less often. */
const largestShare = 1 / 20;

/**
 * Frames to one client. It has at most one of them ahead: while that one is on its way, others are not made.
 *
 * @internal
 */
export class FrameStream {
  readonly #socket: Socket;
  readonly #kind: ProfileKind;
  readonly #interval: number;
  #cancel: () => void = () => {};
  #due = 0;
  #dropped = 0;

  constructor(socket: Socket, { kind, interval }: { readonly kind: ProfileKind; readonly interval: number }) {
    this.#socket = socket;
    this.#kind = kind;
    this.#interval = interval;
  }

  start(): void {
    this.#due = systemClock.now();
    this.#send();
  }

  stop(): void {
    this.#cancel();
  }

  #send(): void {
    if (this.#socket.destroyed) return;
    const began = systemClock.now();
    const lag = Math.max(0, began - this.#due);
    if (this.#socket.writableLength > 0) this.#dropped++;
    else this.#socket.write(this.#line(lag));
    const took = systemClock.now() - began;
    const wait = Math.max(this.#interval, took / largestShare);
    this.#due = systemClock.now() + wait;
    this.#cancel = systemClock.setTimeout(() => this.#send(), wait, false);
  }

  #line(lag: number): string {
    const dropped = this.#dropped;
    this.#dropped = 0;
    try {
      return `${JSON.stringify({ v: 1, frame: frameOf(this.#kind, lag, dropped) })}\n`;
    } catch (error) {
      const { message } = error as Error;
      return `${JSON.stringify({ v: 1, error: { code: "FAILED", message } })}\n`;
    }
  }
}

function frameOf(kind: ProfileKind, lag: number, dropped: number): WatchFrame {
  if (activeMonitor() === null) throw new Error("nothing is watched any more");
  const { time, totals, resources, warnings, deadlocks } = snapshot({ limit: most.looked });
  const groups = profile(kind);
  const { rss: memory } = process.memoryUsage();
  return {
    time,
    totals,
    profile: { ...groups, groups: groups.groups.slice(0, most.groups) },
    resources: resources
      .toSorted((left, right) => right.pending - left.pending || right.held - left.held)
      .slice(0, most.resources)
      .map((resource) => Object.assign({}, resource, { holders: resource.holders.slice(0, most.holders) })),
    warnings: warnings.slice(-most.warnings),
    deadlocks: deadlocks.slice(0, most.deadlocks),
    lag: Math.round(lag),
    memory,
    dropped,
  };
}
