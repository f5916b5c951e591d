import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { EventDraft, MintedEvent } from "../../delivery/event.ts";
import type { Duration } from "../../duration.ts";
import type { KafkaProducerLike } from "./kafka-like.ts";
export interface IdempotentProducerOptions {
    readonly deadline?: Duration | undefined;
    readonly batchSize?: number | undefined;
    readonly maxQueued?: number | undefined;
    readonly clock?: Clock | undefined;
}
export interface ProducerInspection {
    readonly queued: number;
    readonly inFlight: number;
    readonly written: number;
    readonly failed: number;
    readonly expired: number;
}
export declare function idempotentProducer(client: KafkaProducerLike, options?: IdempotentProducerOptions): IdempotentProducer;
export declare class IdempotentProducer {
    #private;
    constructor(client: KafkaProducerLike, options?: IdempotentProducerOptions);
    mint(draft: EventDraft): MintedEvent;
    send(events: MintedEvent | readonly MintedEvent[], options?: {
        readonly signal?: AbortSignal | Context | undefined;
    }): Promise<void>;
    flush(): Promise<void>;
    inspect(): ProducerInspection;
}
