import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import type { Backoff } from "../../overload/backoff.ts";
import { CircuitBreaker } from "../../overload/circuit-breaker.ts";
import type { Classify } from "../../overload/classify.ts";
import { Limiter } from "../../overload/limiter.ts";
import type { BatchHandler, MessageHandler } from "./handlers.ts";
import type { IdempotentProducer } from "./idempotent-producer.ts";
import type { ConsumedMessage } from "./message.ts";
import type { ConsumerEvent } from "./runner-events.ts";
export interface ConsumerRunnerOptions {
    readonly topics: readonly string[];
    readonly handler?: MessageHandler | undefined;
    readonly batchHandler?: BatchHandler | undefined;
    readonly batchSize?: number | undefined;
    readonly concurrency?: number | undefined;
    readonly orderBy?: ((message: ConsumedMessage) => string | undefined) | undefined;
    readonly timeout?: Duration | undefined;
    readonly retry?: {
        readonly attempts?: number | undefined;
        readonly backoff?: Backoff | undefined;
    } | undefined;
    readonly deadLetters?: DeadLetterOptions | undefined;
    readonly limiter?: Limiter | undefined;
    readonly breaker?: CircuitBreaker | undefined;
    readonly classify?: Classify | undefined;
    readonly maxPending?: number | undefined;
    readonly commitInterval?: Duration | undefined;
    readonly handOverTimeout?: Duration | undefined;
    readonly start?: "earliest" | "latest" | undefined;
    readonly maxClockSkew?: Duration | undefined;
    readonly clock?: Clock | undefined;
    readonly onEvent?: ((event: ConsumerEvent) => void) | undefined;
}
export interface DeadLetterOptions {
    readonly producer: IdempotentProducer;
    readonly topic?: string | ((message: ConsumedMessage) => string) | undefined;
}
