import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import type { Backoff } from "../../overload/backoff.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import type { OutboxSchemaOptions } from "./outbox-schema.ts";
export interface OutboxRelayOptions extends OutboxSchemaOptions {
    readonly send: (events: readonly MintedEvent[], context: Context) => unknown;
    readonly batchSize?: number | undefined;
    readonly concurrency?: number | undefined;
    readonly sendTimeout?: Duration | undefined;
    readonly pollEvery?: Duration | undefined;
    readonly listen?: boolean | undefined;
    readonly keep?: Duration | undefined;
    readonly backoff?: Backoff | undefined;
    readonly onFailure?: ((error: unknown) => void) | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly clock?: Clock | undefined;
}
