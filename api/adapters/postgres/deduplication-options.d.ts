import type { Clock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import type { DeduplicationSchemaOptions } from "./deduplication-schema.ts";
export interface PostgresDeduplicationOptions extends DeduplicationSchemaOptions {
    readonly retention?: Duration | undefined;
    readonly isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
    readonly attempts?: number | undefined;
    readonly commandTimeout?: Duration | undefined;
    readonly connectTimeout?: Duration | undefined;
    readonly claimTimeout?: Duration | undefined;
    readonly idleTimeout?: Duration | undefined;
    readonly maintainEvery?: Duration | undefined;
    readonly daysAhead?: number | undefined;
    readonly clock?: Clock | undefined;
}
