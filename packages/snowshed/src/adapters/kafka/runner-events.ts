import type { ConsumedMessage, TopicPartition } from "./message.ts";

/** What a `ConsumerRunner` tells as it happens. */
export type ConsumerEvent =
  /** It has these partitions now, and no others. */
  | { readonly type: "assigned"; readonly partitions: readonly TopicPartition[] }
  /** They were handed over: what was finished is committed. `abandoned`: messages whose handler did not end in time. */
  | { readonly type: "revoked"; readonly abandoned: number }
  /** They were somebody else's before it knew: what was not committed is done again there. */
  | { readonly type: "lost"; readonly abandoned: number }
  /** A message failed, and has another attempt in `delay` ms. */
  | {
      readonly type: "retry";
      readonly message: ConsumedMessage;
      readonly attempt: number;
      readonly delay: number;
      readonly error: unknown;
    }
  /** Nothing is begun in the partition for `delay` ms: what is behind the handler takes no more, or is away. */
  | { readonly type: "paused"; readonly partition: TopicPartition; readonly delay: number; readonly error: unknown }
  /** A message was given up, and is in the dead-letter topic. */
  | {
      readonly type: "dead-letter";
      readonly message: ConsumedMessage;
      readonly topic: string;
      readonly attempts: number;
      readonly reason: DeadLetterReason;
      readonly error: unknown;
    }
  /** A message was to be given up, but there is no dead-letter topic: it has another attempt, for ever. */
  | {
      readonly type: "stuck";
      readonly message: ConsumedMessage;
      readonly attempts: number;
      readonly reason: DeadLetterReason;
      readonly error: unknown;
    }
  /** A handler took no notice of its deadline. It runs on; its message has another attempt. */
  | { readonly type: "abandoned"; readonly messages: readonly ConsumedMessage[] }
  /** An event's own time is this many ms after now, or before that of its message. It is handled like any other. */
  | { readonly type: "clock-skew"; readonly message: ConsumedMessage; readonly skew: number }
  /** What was between had not been read, and is gone: retention took it, or somebody deleted it. It goes on at `to`. */
  | { readonly type: "skipped"; readonly partition: TopicPartition; readonly from: bigint; readonly to: bigint }
  | { readonly type: "commit-failed"; readonly error: unknown }
  /** The client failed; it is asked again, unless it `isFinal`. */
  | { readonly type: "client-failed"; readonly error: unknown; readonly isFinal: boolean };

/**
 * Why a message was given up: `"fatal"`: no other attempt can work; `"attempts"`: all were made; `"no-identity"`: it is no event
 * that could be told from others.
 */
export type DeadLetterReason = "fatal" | "attempts" | "no-identity";

/** What a `ConsumerRunner` has counted since it was made. */
export interface ConsumerCounts {
  /** Messages that were read, those that came again included. */
  readonly received: number;
  /** Messages whose handler succeeded. */
  readonly handled: number;
  /** Of those handled: they had had their effect before. */
  readonly duplicates: number;
  /** Attempts after a first one that failed. */
  readonly retries: number;
  readonly deadLetters: number;
  /** Of the dead letters, or of what is stuck: without an identity. */
  readonly withoutIdentity: number;
  /** Times a partition was paused. */
  readonly pauses: number;
  /** Handlers that took no notice of their deadline. */
  readonly abandoned: number;
  readonly clockSkews: number;
  readonly commits: number;
  readonly failedCommits: number;
  readonly rebalances: number;
  /** Offsets that were gone before they were read: so many messages are lost at most. */
  readonly skipped: number;
}

/** One partition of a `ConsumerRunner`, as it is now. */
export interface PartitionInspection extends TopicPartition {
  /** Read, and not done. */
  readonly pending: number;
  /** Of those, not begun. */
  readonly queued: number;
  readonly isPaused: boolean;
  /** What would be committed now; missing before the first message. */
  readonly position?: bigint;
  /** What was; missing before the first. */
  readonly committed?: bigint;
}

export interface ConsumerInspection {
  readonly state: "idle" | "running" | "stopping" | "stopped" | "failed";
  /** Handlers that run. */
  readonly active: number;
  readonly partitions: readonly PartitionInspection[];
  readonly counts: ConsumerCounts;
}
