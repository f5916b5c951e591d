import type { Clock } from "../../clock.ts";
import type { OutboxDraft, OutboxEvent } from "./outbox-event.ts";
import type { OutboxSchemaOptions } from "./outbox-schema.ts";
import type { PostgresLike, PostgresQueryable } from "./postgres-like.ts";
export interface OutboxOptions extends OutboxSchemaOptions {
    readonly notify?: boolean | undefined;
    readonly clock?: Clock | undefined;
}
export declare class Outbox {
    #private;
    constructor(options?: OutboxOptions);
    enqueue(transaction: PostgresQueryable, draft: OutboxDraft): Promise<OutboxEvent>;
    enqueueAll(transaction: PostgresQueryable, drafts: readonly OutboxDraft[]): Promise<readonly OutboxEvent[]>;
    createSchema(pool: PostgresLike): Promise<void>;
}
