export type {
  Deduplicated,
  DeduplicatedBatch,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "../../delivery/deduplication-store.ts";
export type { MaintenanceReport } from "./deduplication-maintenance.ts";
export type { PostgresDeduplicationOptions } from "./deduplication-options.ts";
export { deduplicationSchema } from "./deduplication-schema.ts";
export type { DeduplicationSchemaOptions } from "./deduplication-schema.ts";
export { PostgresDeduplicationStore } from "./postgres-deduplication-store.ts";
export type { AppliedEach, DeduplicationInspection } from "./postgres-deduplication-store.ts";
export type {
  PostgresClientLike,
  PostgresLike,
  PostgresQuery,
  PostgresQueryable,
  PostgresResult,
  PostgresTransaction,
} from "./postgres-like.ts";
export { Outbox } from "./outbox.ts";
export type { OutboxOptions } from "./outbox.ts";
export type { EventDraft, MintedEvent } from "../../delivery/event.ts";
export { OutboxRelay } from "./outbox-relay.ts";
export type { OutboxBacklog, OutboxInspection } from "./outbox-relay.ts";
export type { OutboxRelayOptions } from "./outbox-relay-options.ts";
export { outboxSchema } from "./outbox-schema.ts";
export type { OutboxSchemaOptions } from "./outbox-schema.ts";
