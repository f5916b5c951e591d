import type { ResourceKind } from "../hooks.ts";
import type { Counter } from "./counting-hooks.ts";
import * as described from "./descriptions.ts";
import type { NameLimit } from "./name-limit.ts";
import { kindOf, nameOf } from "./readings.ts";
import type { Sheet } from "./sheet.ts";
import { WaitCounts } from "./wait-counts.ts";

/** The tasks of all groups of one name. */
interface GroupCounts {
  live: number;
  started: number;
  fulfilled: number;
  rejected: number;
  skipped: number;
}

interface Waits {
  readonly labels: readonly [kind: string, name: string, outcome: string];
  readonly counts: WaitCounts;
}

/** Told of each wait that has ended. @internal */
export type WaitListener = (seconds: number, labels: Record<string, string>) => void;

/** What the hooks tell, in numbers: by name, so that it stays small however many groups and tasks there are. @internal */
export class WatchedCounts implements Counter {
  readonly seen: (resource: object) => void;
  readonly failed: () => void;
  readonly listeners = new Set<WaitListener>();
  readonly #groupNames: NameLimit;
  readonly #names: NameLimit;
  readonly #groups = new Map<string, GroupCounts>();
  readonly #waits = new Map<string, Waits>();

  constructor(groupNames: NameLimit, names: NameLimit, seen: (resource: object) => void, failed: () => void) {
    this.failed = failed;
    this.#groupNames = groupNames;
    this.#names = names;
    this.seen = seen;
  }

  waited(resource: object, known: ResourceKind | undefined, granted: boolean, milliseconds: number): void {
    const kind = known ?? kindOf(resource);
    const name = this.#names.label(nameOf(resource));
    const outcome = granted ? "granted" : "given_up";
    const key = `${kind} ${outcome} ${name}`;
    let waits = this.#waits.get(key);
    if (waits === undefined) {
      waits = { labels: [kind, name, outcome], counts: new WaitCounts() };
      this.#waits.set(key, waits);
    }
    const seconds = milliseconds / 1000;
    waits.counts.add(seconds);
    for (const listener of this.listeners) listener(seconds, { kind, name, outcome });
  }

  taskAccepted(group: string): void {
    this.#group(group).live++;
  }

  taskBegan(group: string): void {
    this.#group(group).started++;
  }

  taskEnded(group: string, outcome: "fulfilled" | "rejected" | "skipped"): void {
    const counts = this.#group(group);
    counts.live--;
    counts[outcome]++;
  }

  /** Nobody tells any more what ends. */
  forgetLive(): void {
    for (const counts of this.#groups.values()) counts.live = 0;
  }

  put(sheet: Sheet): void {
    for (const [group, counts] of this.#groups) {
      sheet.put(described.tasksLive, [group], counts.live);
      sheet.put(described.tasksStarted, [group], counts.started);
      for (const outcome of ["fulfilled", "rejected", "skipped"] as const) {
        sheet.put(described.tasksEnded, [group, outcome], counts[outcome]);
      }
    }
    for (const { labels, counts } of this.#waits.values()) {
      const { bounds, sum } = counts;
      sheet.putHistogram(described.waits, labels, sum, { bounds, counts: [...counts.counts] });
    }
  }

  #group(name: string): GroupCounts {
    let counts = this.#groups.get(name);
    if (counts !== undefined) return counts;
    const label = this.#groupNames.label(name);
    counts = this.#groups.get(label);
    if (counts === undefined) {
      counts = { live: 0, started: 0, fulfilled: 0, rejected: 0, skipped: 0 };
      this.#groups.set(label, counts);
    }
    return counts;
  }
}
