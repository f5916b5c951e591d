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
