import type { DeduplicationSettings } from "./deduplication-options.ts";
import type { DeduplicationNames } from "./deduplication-schema.ts";
import { deletedAtOnce } from "./deduplication-schema.ts";
import { sqlStateOf, unavailable } from "./postgres-failures.ts";
import type { PostgresLike } from "./postgres-like.ts";

export interface MaintenanceReport {
  /** Partitions that were made, and dropped. */
  readonly created: number;
  readonly dropped: number;
  /** Marks without a partition that were deleted. */
  readonly deleted: number;
}

/** After a failure it is tried again this soon. */
const soon = 60_000;

/** Looks after the partitions now and then, while the store is in use. @internal */
export class DeduplicationMaintenance {
  readonly #pool: PostgresLike;
  readonly #statement: string;
  readonly #settings: DeduplicationSettings;
  #due = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  failure: unknown;

  constructor(pool: PostgresLike, names: DeduplicationNames, settings: DeduplicationSettings) {
    this.#pool = pool;
    this.#statement = `SELECT created, dropped, deleted FROM ${names.maintain}($1::bigint, $2::integer)`;
    this.#settings = settings;
  }

  runIfDue(): void {
    const { clock, maintainEvery } = this.#settings;
    if (maintainEvery === Number.POSITIVE_INFINITY || this.#isRunning || clock.now() < this.#due) return;
    this.#isRunning = true;
    void this.run()
      .catch(() => {})
      .then(() => {
        this.#isRunning = false;
      });
  }

  async run(): Promise<MaintenanceReport> {
    const { clock, maintainEvery, retention, daysAhead, label, hint } = this.#settings;
    const kept = retention >= 2 ** 60 ? null : retention;
    const report = { created: 0, dropped: 0, deleted: 0 };
    try {
      for (;;) {
        const { rows } = await this.#pool.query(this.#statement, [kept, daysAhead]);
        const { created, dropped, deleted } = rows[0] ?? {};
        report.created += Number(created);
        report.dropped += Number(dropped);
        report.deleted += Number(deleted);
        if (Number(created) === 0 && Number(deleted) < deletedAtOnce) break;
      }
      this.failure = undefined;
      this.#due = clock.now() + maintainEvery;
      return report;
    } catch (error) {
      this.#due = clock.now() + Math.min(soon, maintainEvery);
      this.failure = unavailable(label, error, hint);
      // Others were at work on the table for longer than a second: there is another time.
      if (sqlStateOf(error) === "55P03") return report;
      throw this.failure;
    }
  }
}
