import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { toMilliseconds, toMillisecondsInRange } from "../../duration.ts";
import { checkInteger, invalidArgument } from "../../errors.ts";
import type { DeduplicationSchemaOptions } from "./deduplication-schema.ts";
import type { SessionSettings } from "./transaction-session.ts";

export interface PostgresDeduplicationOptions extends DeduplicationSchemaOptions {
  /**
   * How long events are remembered, from their own time on; from when they were first seen where they have none. At least
   * 1 day, or `Infinity`. An event that is older is refused. All processes with the same table should have the same: the
   * shortest drops what the others would still know, and they refuse it then. Default: 7 days (`"168h"`).
   */
  readonly retention?: Duration | undefined;
  /** Of the transactions. Default: `"read committed"`. */
  readonly isolation?: "read committed" | "repeatable read" | "serializable" | undefined;
  /** How often a transaction is made at most that the server undoes since others are in its way: at least 1. Default: 5. */
  readonly attempts?: number | undefined;
  /** How long BEGIN and COMMIT are waited for: at least 1 ms. Default: `"5s"`. */
  readonly commandTimeout?: Duration | undefined;
  /** How long a connection of the pool is waited for: at least 1 ms. Default: `"30s"`. */
  readonly connectTimeout?: Duration | undefined;
  /** How long others that are at the same events are waited for: at least 1 ms. Default: `"60s"`. */
  readonly claimTimeout?: Duration | undefined;
  /**
   * After how long without a statement the server ends a transaction: at least 1 ms. It is what frees the events of a process
   * whose machine or network is gone, and the longest that an effect may do something else. Default: `"60s"`.
   */
  readonly idleTimeout?: Duration | undefined;
  /** How often a process in use looks after partitions: at least 1 s; `Infinity`: never. Default: `"1h"`. */
  readonly maintainEvery?: Duration | undefined;
  /** For how many days after today there are partitions: 1 to 100. Default: 3. */
  readonly daysAhead?: number | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** The options with their defaults, in milliseconds. @internal */
export interface DeduplicationSettings extends SessionSettings {
  readonly retention: number;
  readonly attempts: number;
  readonly claimTimeout: number;
  readonly maintainEvery: number;
  readonly daysAhead: number;
}

const longestTimer = 2 ** 31 - 1;
const day = 86_400_000;
const isolations = ["read committed", "repeatable read", "serializable"];

/** @internal */
export function deduplicationSettings(name: string, options: PostgresDeduplicationOptions): DeduplicationSettings {
  const {
    retention = "168h",
    isolation = "read committed",
    attempts = 5,
    daysAhead = 3,
    clock = systemClock,
  } = options;
  const kept = toMilliseconds(retention, "retention");
  if (!(kept >= day)) throw invalidArgument(RangeError, "retention", "at least 1 day", retention);
  if (!isolations.includes(isolation)) {
    throw invalidArgument(RangeError, "isolation", `one of ${isolations.join(", ")}`, isolation);
  }
  checkInteger(attempts, "attempts", 1);
  checkInteger(daysAhead, "daysAhead", 1);
  if (daysAhead > 100) throw invalidArgument(RangeError, "daysAhead", "at most 100", daysAhead);
  return {
    clock,
    label: `the deduplication store "${name}"`,
    hint: 'run "snowshed delivery schema --apply <url>", or createSchema()',
    isolation,
    retention: Math.min(Math.ceil(kept), 2 ** 60),
    attempts,
    answerTimeout: timeoutOf(options.commandTimeout, "5s", "commandTimeout"),
    connectTimeout: timeoutOf(options.connectTimeout, "30s", "connectTimeout"),
    claimTimeout: timeoutOf(options.claimTimeout, "60s", "claimTimeout"),
    idleTimeout: timeoutOf(options.idleTimeout, "60s", "idleTimeout"),
    maintainEvery: toMillisecondsInRange(options.maintainEvery ?? "1h", "maintainEvery", 1000),
    daysAhead,
  };
}

function timeoutOf(value: Duration | undefined, fallback: Duration, option: string): number {
  return Math.ceil(toMillisecondsInRange(value ?? fallback, option, 1, longestTimer));
}
