import type { ConsumedMessage, TopicPartition } from "./message.ts";
export type ConsumerEvent =
{
    readonly type: "assigned";
    readonly partitions: readonly TopicPartition[];
}
 | {
    readonly type: "revoked";
    readonly abandoned: number;
}
 | {
    readonly type: "lost";
    readonly abandoned: number;
}
 | {
    readonly type: "retry";
    readonly message: ConsumedMessage;
    readonly attempt: number;
    readonly delay: number;
    readonly error: unknown;
}
 | {
    readonly type: "paused";
    readonly partition: TopicPartition;
    readonly delay: number;
    readonly error: unknown;
}
 | {
    readonly type: "dead-letter";
    readonly message: ConsumedMessage;
    readonly topic: string;
    readonly attempts: number;
    readonly reason: DeadLetterReason;
    readonly error: unknown;
}
 | {
    readonly type: "stuck";
    readonly message: ConsumedMessage;
    readonly attempts: number;
    readonly reason: DeadLetterReason;
    readonly error: unknown;
}
 | {
    readonly type: "abandoned";
    readonly messages: readonly ConsumedMessage[];
}
 | {
    readonly type: "clock-skew";
    readonly message: ConsumedMessage;
    readonly skew: number;
}
 | {
    readonly type: "skipped";
    readonly partition: TopicPartition;
    readonly from: bigint;
    readonly to: bigint;
} | {
    readonly type: "commit-failed";
    readonly error: unknown;
}
 | {
    readonly type: "client-failed";
    readonly error: unknown;
    readonly isFinal: boolean;
};
export type DeadLetterReason = "fatal" | "attempts" | "no-identity";
export interface ConsumerCounts {
    readonly received: number;
    readonly handled: number;
    readonly duplicates: number;
    readonly retries: number;
    readonly deadLetters: number;
    readonly withoutIdentity: number;
    readonly pauses: number;
    readonly abandoned: number;
    readonly clockSkews: number;
    readonly commits: number;
    readonly failedCommits: number;
    readonly rebalances: number;
    readonly skipped: number;
}
export interface PartitionInspection extends TopicPartition {
    readonly pending: number;
    readonly queued: number;
    readonly isPaused: boolean;
    readonly position?: bigint;
    readonly committed?: bigint;
}
export interface ConsumerInspection {
    readonly state: "idle" | "running" | "stopping" | "stopped" | "failed";
    readonly active: number;
    readonly partitions: readonly PartitionInspection[];
    readonly counts: ConsumerCounts;
}
