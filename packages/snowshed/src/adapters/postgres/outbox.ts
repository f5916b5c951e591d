import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { EventDraft, MintedEvent } from "../../delivery/event.ts";
import { EventMint } from "../../delivery/event.ts";
import { invalidArgument } from "../../errors.ts";
import type { OutboxNames, OutboxSchemaOptions } from "./outbox-schema.ts";
import { outboxNames, outboxSchema } from "./outbox-schema.ts";
import { sqlStateOf, unavailable } from "./postgres-failures.ts";
import type { PlacedEvent } from "./placed-event.ts";
import { placedEvent } from "./placed-event.ts";
import type { PostgresLike, PostgresQueryable } from "./postgres-like.ts";
import { quotedText } from "./sql-names.ts";

export interface OutboxOptions extends OutboxSchemaOptions {
  /**
   * Whether relays are told at once, by NOTIFY; otherwise they find events when they next look. PostgreSQL commits transactions
   * with a NOTIFY one after the other: turn it off where thousands commit in a second. Default: true.
   */
  readonly notify?: boolean | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Writes events in the transaction they belong to: they are sent if it is committed, and only then. An `OutboxRelay` sends them,
 * at least once, with the identity that they are given here; a consumer with a deduplication store has the effect once.
 *
 * Events of a topic with the same key are sent in the order in which their transactions were committed. For that, a
 * transaction that has enqueued an event holds its key until it ends: others that enqueue one with the same key wait. So
 * enqueue last, and several at once by {@link enqueueAll}: two transactions that take the same keys in different orders
 * are a deadlock, which PostgreSQL ends by undoing one.
 *
 * @example
 * ```ts no-run
 * import pg from "pg";
 * import { Outbox } from "snowshed/postgres";
 *
 * const outbox = new Outbox();
 * const client = await new pg.Pool().connect();
 * await client.query("begin");
 * await client.query("update orders set paid = true where id = 17");
 * await outbox.enqueue(client, { topic: "orders", type: "order.paid", key: "17", value: '{"amount":5}' });
 * await client.query("commit");
 * client.release();
 * ```
 */
export class Outbox {
  readonly #names: OutboxNames;
  readonly #schema: OutboxSchemaOptions;
  readonly #statement: string;
  readonly #clock: Clock;
  readonly #mint: EventMint;

  constructor(options: OutboxOptions = {}) {
    const { notify = true, clock = systemClock } = options;
    if (typeof notify !== "boolean") throw invalidArgument(TypeError, "notify", "a boolean", notify);
    this.#names = outboxNames(options);
    this.#schema = { schema: options.schema, table: options.table };
    this.#clock = clock;
    this.#mint = new EventMint(clock);
    const { table, channel } = this.#names;
    // The number of a row is drawn when the locks are held: per key, numbers are in the order of commits. Arrays of arrays
    // must be rectangles, so headers travel in one array with counts.
    this.#statement = `WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS k),
added AS (
  INSERT INTO ${table} (lane, topic, key, value, partition, header_names, header_values)
  SELECT e.lane, e.topic, e.key, e.value, e.partition,
    ($7::text[])[e.first:e.last], ($8::bytea[])[e.first:e.last]
  FROM unnest($2::smallint[], $3::text[], $4::bytea[], $5::bytea[], $6::integer[], $9::integer[], $10::integer[])
    WITH ORDINALITY AS e (lane, topic, key, value, partition, first, last, place), (SELECT count(*) FROM held) AS h
  ORDER BY e.place
  RETURNING id
)
SELECT count(*) AS added${notify ? `, (SELECT pg_notify(${quotedText(channel)}, ''))` : ""} FROM added`;
  }

  /**
   * Writes an event, in the caller's transaction: a client of `pg` after BEGIN, or the `transaction` of an effect. Resolves with
   * it, as it will be sent. Rejects as `query` does; with `SNOWSHED_BACKEND_UNAVAILABLE` if the table is not there.
   */
  async enqueue(transaction: PostgresQueryable, draft: EventDraft): Promise<MintedEvent> {
    const event = this.#mint.mint(draft, "event");
    await this.#write(transaction, [placedEvent(event, this.#clock)]);
    return event;
  }

  /** The same for several, in one statement, in their order. */
  async enqueueAll(transaction: PostgresQueryable, drafts: readonly EventDraft[]): Promise<readonly MintedEvent[]> {
    if (!Array.isArray(drafts)) throw invalidArgument(TypeError, "events", "an array", drafts);
    const events = drafts.map((draft: EventDraft, place) => this.#mint.mint(draft, `events[${place}]`));
    if (events.length > 0) {
      await this.#write(
        transaction,
        events.map((event) => placedEvent(event, this.#clock)),
      );
    }
    return events;
  }

  /** Makes the tables, where they are not there yet. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE` if this user may not. */
  async createSchema(pool: PostgresLike): Promise<void> {
    try {
      await pool.query(outboxSchema(this.#schema));
    } catch (error) {
      throw unavailable("the outbox", error, "let their owner run what outboxSchema() says");
    }
  }

  async #write(transaction: PostgresQueryable, placed: readonly PlacedEvent[]): Promise<void> {
    const events = placed.map(({ event }) => event);
    const locks = new Set(placed.flatMap(({ lock }) => (lock === undefined ? [] : [lock])));
    const [names, values]: [string[], Buffer[]] = [[], []];
    const [firsts, lasts]: [number[], number[]] = [[], []];
    for (const { headers } of events) {
      firsts.push(names.length + 1);
      for (const [name, value] of headers) {
        names.push(name);
        values.push(value);
      }
      lasts.push(names.length);
    }
    const parameters = [
      // In one order for all, as far as one statement goes.
      [...locks].toSorted((a, b) => (a < b ? -1 : 1)).map(String),
      placed.map(({ lane }) => lane),
      events.map(({ topic }) => topic),
      events.map(({ key }) => key),
      events.map(({ value }) => value),
      events.map(({ partition }) => partition ?? null),
      names,
      values,
      firsts,
      lasts,
    ];
    try {
      await transaction.query(this.#statement, parameters);
    } catch (error) {
      if (sqlStateOf(error) !== "42P01") throw error;
      throw unavailable("the outbox", error, 'run "snowshed delivery schema --apply <url>", or createSchema()');
    }
  }
}
