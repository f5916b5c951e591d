import { createHash } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import { laneCount } from "./outbox-schema.ts";

/** @internal */
export interface PlacedEvent {
  readonly event: MintedEvent;
  readonly lane: number;
  /** What its transaction locks, so that events of a key are in the order of commits; `undefined` without a key. */
  readonly lock: bigint | undefined;
}

/** Finds out in which lane it is sent: by its topic and key, or any. @internal */
export function placedEvent(event: MintedEvent, clock: Clock): PlacedEvent {
  const { topic, key } = event;
  if (key === null) return { event, lane: Math.floor(clock.random() * laneCount), lock: undefined };
  const hash = createHash("sha256").update(`${topic.length}:${topic}:`).update(key).digest();
  return { event, lane: hash[0]! % laneCount, lock: hash.readBigInt64BE(8) };
}
