import { abortable } from "../../concurrency/abortable.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { CancelContext, Context } from "../../concurrency/context.ts";
import type {
  Deduplicated,
  DeduplicatedBatch,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "../../delivery/deduplication-store.ts";
import { checkFunction, invalidArgument, SnowshedError } from "../../errors.ts";
import { BackoffSchedule } from "../../overload/backoff.ts";
import { Marks, markStatements } from "./deduplication-marks.ts";
import type { Claimed, ClaimRow, MarkStatements } from "./deduplication-marks.ts";
import type { DeduplicationSettings, PostgresDeduplicationOptions } from "./deduplication-options.ts";
import { deduplicationSettings } from "./deduplication-options.ts";
import type { DeduplicationNames } from "./deduplication-schema.ts";
import { deduplicationNames, deduplicationSchema } from "./deduplication-schema.ts";
import { DeduplicationMaintenance } from "./deduplication-maintenance.ts";
import type { MaintenanceReport } from "./deduplication-maintenance.ts";
import { sqlStateOf, unavailable } from "./postgres-failures.ts";
import type { PostgresLike, PostgresTransaction } from "./postgres-like.ts";
import { TransactionSession } from "./transaction-session.ts";

/** What came of one event of {@link PostgresDeduplicationStore.applyEach}. */
export type AppliedEach<R> = Deduplicated<R> | { readonly status: "failed"; readonly error: unknown };

/** What a store has counted since it was made. */
export interface DeduplicationInspection {
  /** Events that had their effect. */
  readonly applied: number;
  /** Events that had had it before. */
  readonly duplicates: number;
  /** Events that were refused since they are older than `retention`. */
  readonly expired: number;
  /** Transactions that the server undid since others were in the way. */
  readonly conflicts: number;
  /** Calls that ended with `SNOWSHED_BACKEND_UNAVAILABLE`. */
  readonly unavailable: number;
  /** Why partitions could not be looked after, the last time; `undefined` if they were. */
  readonly maintenanceFailure: unknown;
}

interface Scene {
  readonly session: TransactionSession;
  readonly marks: Marks;
  readonly claimed: Claimed;
  readonly transaction: PostgresTransaction;
  readonly context: Context;
}

/**
 * Remembers in PostgreSQL which events had their effect. The mark of an event is written in the transaction that its effect
 * uses: both are committed, or neither is, whatever fails and whenever. What an effect does elsewhere is not covered.
 *
 * `pool` is a `Pool` of `pg`, which stays the caller's; `name` is the consumer's: stores with different names know nothing of
 * each other's events. The tables are made once, by `snowshed delivery schema` or {@link createSchema}.
 *
 * Of an event that is delivered to several processes at once, one runs the effect, and the others wait for how that ends. When
 * the server undoes a transaction since others are in the way (a serialization failure, a deadlock), the effect is run again,
 * up to `attempts` times; nothing is left of what it did in the transaction before.
 *
 * An event older than `retention` is refused with `SNOWSHED_EVENT_EXPIRED`: whether it had its effect is not known any more.
 *
 * @example
 * ```ts no-run
 * import pg from "pg";
 * import { PostgresDeduplicationStore } from "snowshed/postgres";
 *
 * const store = new PostgresDeduplicationStore(new pg.Pool(), "billing");
 * const event = { key: "4bf92f35:order.paid:2026-11-23T19:20:00.123Z", at: Date.parse("2026-11-23T19:20:00.123Z") };
 * const { status } = await store.apply(event, async (transaction) => {
 *   await transaction.query("update accounts set balance = balance - $1 where id = $2", [5, 17]);
 * });
 * console.log(status); // applied; duplicate the next time
 * ```
 */
export class PostgresDeduplicationStore implements DeduplicationStore<PostgresTransaction> {
  readonly name: string;
  readonly #pool: PostgresLike;
  readonly #schema: PostgresDeduplicationOptions;
  readonly #settings: DeduplicationSettings;
  readonly #names: DeduplicationNames;
  readonly #statements: MarkStatements;
  readonly #backoff = new BackoffSchedule({ initial: 10, maximum: 1000 });
  readonly #maintenance: DeduplicationMaintenance;
  #expectsDuplicates = false;
  readonly #counts = { applied: 0, duplicates: 0, expired: 0, conflicts: 0, unavailable: 0 };

  constructor(pool: PostgresLike, name: string, options: PostgresDeduplicationOptions = {}) {
    if (typeof (pool as Partial<PostgresLike> | null)?.connect !== "function") {
      // Not what it is: the address of a database may hold a password.
      throw invalidArgument(TypeError, "pool", "a Pool of pg", typeof pool);
    }
    if (typeof name !== "string" || name === "" || name.length > 200 || name.includes("\0")) {
      throw invalidArgument(TypeError, "name", "text of 1 to 200 characters", name);
    }
    this.name = name;
    this.#pool = pool;
    this.#names = deduplicationNames(options);
    this.#schema = { schema: options.schema, table: options.table };
    this.#settings = deduplicationSettings(name, options);
    this.#statements = markStatements(this.#names);
    this.#maintenance = new DeduplicationMaintenance(pool, this.#names, this.#settings);
  }

  async apply<R>(
    event: EventIdentity,
    effect: (transaction: PostgresTransaction, context: Context) => R | PromiseLike<R>,
    options: DeduplicationOptions = {},
  ): Promise<Deduplicated<R>> {
    checkFunction(effect, "effect");
    const marks = new Marks([event], false);
    return this.#attempts(marks, options, async ({ session, claimed, transaction, context }) => {
      if (claimed.fresh.length === 0) {
        this.#counts.duplicates++;
        return { status: "duplicate" };
      }
      const value = await effect(transaction, context);
      return this.#committed(session, 1, 0, { status: "applied", value });
    });
  }

  /** Two statements mark the whole batch, so that many small effects cost little more than they would without. */
  async applyBatch<R>(
    events: readonly EventIdentity[],
    effect: (transaction: PostgresTransaction, fresh: readonly number[], context: Context) => R | PromiseLike<R>,
    options: DeduplicationOptions = {},
  ): Promise<DeduplicatedBatch<R>> {
    checkFunction(effect, "effect");
    const marks = new Marks(events, true);
    const { length } = marks.firsts;
    if (length === 0) return { applied: [], value: undefined };
    return this.#attempts(marks, options, async ({ session, claimed: { fresh }, transaction, context }) => {
      if (fresh.length === 0) {
        this.#counts.duplicates += length;
        return { applied: [], value: undefined };
      }
      const value = await effect(transaction, fresh, context);
      return this.#committed(session, fresh.length, length - fresh.length, { applied: fresh, value });
    });
  }

  /**
   * The same for many events in one transaction, whose effects may fail one by one: `effect` is called for each event that had no
   * effect yet, in their order, and one that rejects leaves no trace and no mark, while the others are applied. Resolves with
   * what came of each; rejects, with nothing applied, only for reasons that concern all of them.
   *
   * At first without savepoints, which would cost two more round trips for each event; if an effect rejects, the transaction is
   * undone and made again with them. So an effect may be called twice.
   */
  async applyEach<R>(
    events: readonly EventIdentity[],
    effect: (transaction: PostgresTransaction, place: number, context: Context) => R | PromiseLike<R>,
    options: DeduplicationOptions = {},
  ): Promise<readonly AppliedEach<R>[]> {
    checkFunction(effect, "effect");
    const marks = new Marks(events, true);
    if (marks.firsts.length === 0) return [];
    let isCareful = false;
    const once = (): Promise<readonly AppliedEach<R>[]> =>
      this.#attempts(marks, options, (scene) => this.#each(scene, effect, isCareful), true);
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof EffectFailed)) throw error;
      isCareful = true;
      return once();
    }
  }

  async #each<R>(
    { session, marks, claimed, transaction, context }: Scene,
    effect: (transaction: PostgresTransaction, place: number, context: Context) => R | PromiseLike<R>,
    isCareful: boolean,
  ): Promise<readonly AppliedEach<R>[]> {
    const outcomes = new Map<number, AppliedEach<R>>();
    const failed: number[] = [];
    for (const place of claimed.fresh) {
      context.throwIfAborted();
      try {
        if (isCareful) await session.savepoint();
        const value = await effect(transaction, place, context);
        if (isCareful) await session.keep();
        outcomes.set(place, { status: "applied", value });
      } catch (error) {
        if (session.outage !== undefined || session.hasConflict(error) || context.aborted) throw error;
        if (!isCareful) throw new EffectFailed();
        await session.goBack();
        failed.push(place);
        outcomes.set(place, { status: "failed", error });
      }
    }
    if (failed.length > 0) {
      const { answerTimeout } = this.#settings;
      await session.run(this.#statements.remove, marks.valuesAt(this.name, failed), answerTimeout, context);
    }
    for (const place of claimed.expired) outcomes.set(place, { status: "failed", error: this.#expired([place]) });
    const all = marks.firsts.map((first, place): AppliedEach<R> => {
      const outcome = outcomes.get(first);
      // Of two alike, the second is a duplicate of one that was applied, and fails with one that was not.
      return outcome === undefined || (first !== place && outcome.status === "applied")
        ? { status: "duplicate" }
        : outcome;
    });
    const applied = claimed.fresh.length - failed.length;
    const duplicates = all.filter(({ status }) => status === "duplicate").length;
    return this.#committed(session, applied, duplicates, all);
  }

  /** Makes the tables, where they are not there yet. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE` if this user may not. */
  async createSchema(): Promise<void> {
    try {
      await this.#pool.query(deduplicationSchema(this.#schema));
    } catch (error) {
      throw unavailable(this.#settings.label, error, "let their owner run what deduplicationSchema() says");
    }
    await this.maintain();
  }

  /**
   * Makes the partitions of the next days, and drops those that are older than `retention`: what happens by itself while the
   * store is used. No call has to wait for it to have happened: events without a partition have a place, too. Of several
   * processes one does it. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`.
   */
  maintain(): Promise<MaintenanceReport> {
    return this.#maintenance.run();
  }

  inspect(): DeduplicationInspection {
    return { ...this.#counts, maintenanceFailure: this.#maintenance.failure };
  }

  async #attempts<T>(
    marks: Marks,
    { signal }: DeduplicationOptions,
    body: (scene: Scene) => Promise<T>,
    allowsExpired: boolean = false,
  ): Promise<T> {
    const { clock, attempts } = this.#settings;
    const context = contextOf(signal, clock);
    context.throwIfAborted();
    this.#maintenance.runIfDue();
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(marks, context, body, allowsExpired, attempt === attempts);
      if (outcome !== again) return outcome;
      this.#counts.conflicts++;
      await context.sleep(this.#backoff.delay(attempt, 0, clock));
    }
  }

  async #attempt<T>(
    marks: Marks,
    context: Context,
    body: (scene: Scene) => Promise<T>,
    allowsExpired: boolean,
    isLast: boolean,
  ): Promise<T | typeof again> {
    let session: TransactionSession | undefined;
    const scope: CancelContext = context.withCancel();
    let isConflict = false;
    try {
      const { isolation, claimTimeout } = this.#settings;
      const lock = isolation === "read committed" ? undefined : { text: this.#statements.lock, timeout: claimTimeout };
      session = await TransactionSession.begin(this.#pool, this.#settings, context, lock);
      const begun = session;
      begun.onLoss = (error) => scope.cancel(error);
      const claimed = await this.#claim(begun, marks, context);
      this.#counts.expired += claimed.expired.length;
      if (claimed.expired.length > 0 && !allowsExpired) throw this.#expired(claimed.expired);
      const transaction: PostgresTransaction = {
        query: (query, values) => begun.query(query, values) as never,
      };
      const running = body({ session: begun, marks, claimed, transaction, context: scope });
      // It may commit while its signal aborts: then the commit decides.
      return await untilCommit(scope, begun, running);
    } catch (error) {
      scope.cancel(error);
      isConflict = session?.hasConflict(error) === true || isMoved(error);
      if (isConflict && !isLast) return again;
      throw this.#reason(error, session, context);
    } finally {
      await session?.undo();
      scope.detach();
    }
  }

  async #claim(session: TransactionSession, marks: Marks, context: Context): Promise<Claimed> {
    const { claimTimeout, answerTimeout, retention, label, hint } = this.#settings;
    const values = [...marks.values(this.name), retention, this.#expectsDuplicates];
    const { rows } = await session.run(this.#statements.claim, values, claimTimeout + answerTimeout, context);
    const [row] = rows;
    if (row === undefined) throw unavailable(label, new Error("no answer to a claim"), hint);
    const claimed = marks.claimed(row as unknown as ClaimRow);
    // Deliveries that come again come in runs.
    this.#expectsDuplicates = claimed.fresh.length + claimed.expired.length < marks.size;
    return claimed;
  }

  async #committed<T>(session: TransactionSession, applied: number, duplicates: number, value: T): Promise<T> {
    await session.commit();
    this.#counts.applied += applied;
    this.#counts.duplicates += duplicates;
    return value;
  }

  /** What the caller gets. */
  #reason(error: unknown, session: TransactionSession | undefined, context: Context): unknown {
    if (session?.isDoubtful !== true && context.aborted) return context.reason;
    const isOurs = error instanceof SnowshedError && error.code === "SNOWSHED_BACKEND_UNAVAILABLE";
    const { label, hint } = this.#settings;
    const failure = session?.outage === undefined || isOurs ? error : unavailable(label, session.outage, hint);
    if (failure instanceof SnowshedError && failure.code === "SNOWSHED_BACKEND_UNAVAILABLE") this.#counts.unavailable++;
    return failure;
  }

  #expired(places: readonly number[]): SnowshedError {
    const which = places.length === 1 ? "an event is" : `${places.length} events are`;
    const days = Math.round((10 * this.#settings.retention) / 86_400_000) / 10;
    const message = `${this.#settings.label}: ${which} older than the ${days} days that are remembered: not applied`;
    return new SnowshedError("SNOWSHED_EVENT_EXPIRED", message);
  }
}

const again = Symbol("again");

/** An effect rejected: once more, with savepoints. */
class EffectFailed extends Error {}

/** The mark was on its way into what has become another partition meanwhile. */
function isMoved(error: unknown): boolean {
  return error instanceof SnowshedError && sqlStateOf(error.cause) === "23514";
}

/** `running`, or the cancellation when the scope ends before a COMMIT was sent: then none will be. */
async function untilCommit<T>(scope: Context, session: TransactionSession, running: Promise<T>): Promise<T> {
  try {
    return await abortable(scope, running);
  } catch (error) {
    if (session.isCommitting) return running;
    session.close();
    throw error;
  }
}
