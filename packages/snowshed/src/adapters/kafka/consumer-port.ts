import type { Context } from "../../concurrency/context.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";

/** Where to go on in a partition. */
export interface Position extends TopicPartition {
  readonly offset: bigint;
}

/** @internal */
export interface Assigned extends TopicPartition {
  /** Where to begin, if the group has no position there and another member would begin elsewhere. */
  readonly first?: bigint | undefined;
}

/** What the clients have in common, as the runner needs it. @internal */
export interface ConsumerPort {
  /** Joins the group and delivers until `stop()`. Resolves when it has joined. */
  start(listener: ConsumerListener): Promise<void>;
  /** Only of partitions that are assigned now. When `context` ends nobody waits for it any more. */
  commit(positions: readonly Position[], context: Context): Promise<void>;
  /** Nothing is delivered any more from the moment it is called; resolves when the group has been left. */
  stop(): Promise<void>;
}

/** What became of messages that were given; neither resolves if nobody wants them any more. @internal */
export interface Taken {
  /** There is room for more. */
  readonly hasRoom: Promise<void>;
  /** All of the partition is done, or somebody else's. */
  readonly isDone: Promise<void>;
}

/** @internal */
export interface ConsumerListener {
  onAssigned(partitions: readonly Assigned[]): void;
  /** The group is about to give all partitions out anew: what is finished and committed before this resolves is not repeated. */
  onRevoked(): Promise<void>;
  /** They are somebody else's already: nothing of them may be committed. */
  onLost(): void;
  /** In the order of their offsets. Nothing more of the partition is given until one of the two has resolved. */
  onMessages(partition: TopicPartition, messages: readonly ConsumedMessage[]): Taken;
  /** Nothing before `offset` is still to be given: the rest is marks of transactions, what was aborted, or compacted away. */
  onPassed(partition: TopicPartition, offset: bigint): void;
  /** What was between is gone, and was not given: the log begins at `to` by now. */
  onSkipped(partition: TopicPartition, from: bigint, to: bigint): void;
  /** The log ends before what was given: what is given next begins at the earliest, and nothing of it was given before. */
  onRestart(partition: TopicPartition): void;
  /** The client failed, and is asked again; `isFinal`: it is not, there will be no more messages. */
  onFailure(error: unknown, isFinal: boolean): void;
}

/** @internal */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
