import type { Socket } from "node:net";
import process from "node:process";
import { systemClock } from "../clock.ts";
import { activeMonitor } from "./active.ts";
import type { Profile, ProfileKind } from "./profile.ts";
import { profile } from "./profile.ts";
import type { DeadlockSnapshot, ResourceSnapshot, Snapshot, WarningSnapshot } from "./snapshot-types.ts";
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
  /** Milliseconds until the next one is made: more than was asked for if making them takes long. */
  readonly pace: number;
  /** How many frames were not sent since the one before, because the client did not read. */
  readonly dropped: number;
}

const most = { groups: 100, looked: 1000, resources: 100, holders: 8, warnings: 20, deadlocks: 20 } as const;

/** Making frames may take this part of the time of the watched program: then they come less often. */
const largestShare = 1 / 20;

/** Milliseconds: if making them takes so long that they come less often, then not less often than that. */
const slowestPace = 20_000;

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
  /** Milliseconds that the latest two frames took. */
  #took: readonly [number, number] = [0, 0];
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
    // The first frame takes much longer than those after it, and one may be interrupted: of two the quicker one counts.
    const pace = Math.max(this.#interval, Math.min(slowestPace, Math.min(...this.#took) / largestShare));
    if (this.#socket.writableLength > 0) this.#dropped++;
    else this.#socket.write(this.#line(lag, pace));
    const now = systemClock.now();
    this.#took = [this.#took[1], now - began];
    this.#due = now + pace;
    this.#cancel = systemClock.setTimeout(() => this.#send(), pace, false);
  }

  #line(lag: number, pace: number): string {
    const dropped = this.#dropped;
    this.#dropped = 0;
    try {
      return `${JSON.stringify({ v: 1, frame: frameOf(this.#kind, lag, pace, dropped) })}\n`;
    } catch (error) {
      const { message } = error as Error;
      return `${JSON.stringify({ v: 1, error: { code: "FAILED", message } })}\n`;
    }
  }
}

function frameOf(kind: ProfileKind, lag: number, pace: number, dropped: number): WatchFrame {
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
    pace: Math.round(pace),
    dropped,
  };
}
