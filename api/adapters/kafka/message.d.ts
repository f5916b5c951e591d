import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import type { EventFields } from "../../delivery/event-identity.ts";
export interface TopicPartition {
    readonly topic: string;
    readonly partition: number;
}
export interface ConsumedMessage extends TopicPartition {
    readonly offset: bigint;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: ReadonlyMap<string, Buffer>;
    readonly timestamp: number;
}
export declare function eventFields(message: ConsumedMessage): Partial<EventFields>;
export declare function eventIdentity(message: ConsumedMessage): EventIdentity | undefined;
export declare function positionIdentity(message: ConsumedMessage): EventIdentity;
