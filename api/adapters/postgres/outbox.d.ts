import type { Clock } from "../../clock.ts";
import type { EventDraft, MintedEvent } from "../../delivery/event.ts";
import type { OutboxSchemaOptions } from "./outbox-schema.ts";
import type { PostgresLike, PostgresQueryable } from "./postgres-like.ts";
export interface OutboxOptions extends OutboxSchemaOptions {
    readonly notify?: boolean | undefined;
    readonly clock?: Clock | undefined;
}
export declare class Outbox {
    #private;
    constructor(options?: OutboxOptions);
    enqueue(transaction: PostgresQueryable, draft: EventDraft): Promise<MintedEvent>;
    enqueueAll(transaction: PostgresQueryable, drafts: readonly EventDraft[]): Promise<readonly MintedEvent[]>;
    createSchema(pool: PostgresLike): Promise<void>;
}
