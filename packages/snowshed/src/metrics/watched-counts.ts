import type { ResourceKind } from "../hooks.ts";
import type { Counter, Place } from "./counting-hooks.ts";
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
  readonly #places = new Map<string, Place>();

  constructor(groupNames: NameLimit, names: NameLimit, seen: (resource: object) => void, failed: () => void) {
    this.failed = failed;
    this.#groupNames = groupNames;
    this.#names = names;
    this.seen = seen;
  }

  placeOf(resource: object, known: ResourceKind | undefined): Place {
    const kind = known ?? kindOf(resource);
    const name = this.#names.label(nameOf(resource));
    const key = `${kind} ${name}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { kind, name, granted: new WaitCounts(), givenUp: new WaitCounts() };
      this.#places.set(key, place);
    }
    return place;
  }

  waited(place: Place, granted: boolean, milliseconds: number): void {
    const seconds = milliseconds / 1000;
    (granted ? place.granted : place.givenUp).add(seconds);
    if (this.listeners.size === 0) return;
    const { kind, name } = place;
    for (const listener of this.listeners) {
      try {
        listener(seconds, { kind, name, outcome: granted ? "granted" : "given_up" });
      } catch {
        // The others are told all the same.
        this.failed();
      }
    }
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
    for (const { kind, name, granted, givenUp } of this.#places.values()) {
      for (const [outcome, waits] of [
        ["granted", granted],
        ["given_up", givenUp],
      ] as const) {
        const { bounds, counts, sum } = waits;
        if (waits.isEmpty) continue;
        sheet.putHistogram(described.waits, [kind, name, outcome], sum, { bounds, counts: [...counts] });
      }
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
