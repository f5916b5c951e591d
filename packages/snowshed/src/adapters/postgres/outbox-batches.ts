import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import { timeout } from "../../overload/timeout.ts";
import { isFatal } from "../../overload/classify.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import type { RelaySettings } from "./outbox-relay-options.ts";
import type { OutboxNames } from "./outbox-schema.ts";
import type { PostgresLike, PostgresResult } from "./postgres-like.ts";
import { TransactionSession } from "./transaction-session.ts";

interface Pending {
  readonly id: string;
  readonly event: MintedEvent;
}

interface Row {
  readonly id: string;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly partition: number | null;
  readonly header_names: readonly string[];
  readonly header_values: readonly Buffer[];
}

/** How often, and how much at once, of what was sent is deleted. */
const cleanEvery = 60_000;
const cleanedAtOnce = 10_000;

/** Takes events from the table, a lane at a time, and marks what was sent. @internal */
export class OutboxBatches {
  readonly #pool: PostgresLike;
  readonly #settings: RelaySettings;
  readonly #clock: Clock;
  readonly #statements: Readonly<Record<"lane" | "take" | "done" | "park" | "clean", string>>;
  #cleanDue = Number.NEGATIVE_INFINITY;
  sent = 0;
  parked = 0;

  constructor(pool: PostgresLike, { table, lanes }: OutboxNames, settings: RelaySettings) {
    this.#pool = pool;
    this.#settings = settings;
    this.#clock = settings.clock;
    const pending = "sent_at IS NULL AND parked_at IS NULL";
    this.#statements = {
      // Whichever: a lane that always has something must not keep the others waiting.
      lane: `SELECT l.lane FROM ${lanes} AS l WHERE EXISTS (SELECT FROM ${table} AS o WHERE o.lane = l.lane AND ${pending})
ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED`,
      take: `SELECT id, topic, key, value, partition, header_names, header_values FROM ${table}
WHERE lane = $1 AND ${pending} ORDER BY id LIMIT $2`,
      done:
        settings.keep > 0
          ? `UPDATE ${table} SET sent_at = clock_timestamp() WHERE id = ANY ($1::bigint[])`
          : `DELETE FROM ${table} WHERE id = ANY ($1::bigint[])`,
      park: `UPDATE ${table} SET parked_at = clock_timestamp(), failure = $2 WHERE id = $1`,
      clean: `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table}
WHERE sent_at < clock_timestamp() - $1::double precision * interval '1 millisecond' ORDER BY sent_at LIMIT ${cleanedAtOnce})`,
    };
  }

  /** Sends some of a lane that nobody has. Resolves with how many; `undefined`: there is nothing, or others are at it. */
  async next(context: Context): Promise<number | undefined> {
    const session = await TransactionSession.begin(this.#pool, this.#settings, context);
    try {
      const lane = (await this.#ask(session, this.#statements.lane, [])).rows[0]?.["lane"];
      if (lane === undefined) return undefined;
      // Another statement, with another snapshot: what the relay before has marked is seen as such.
      const rows = (await this.#ask(session, this.#statements.take, [lane, this.#settings.batchSize])).rows;
      const pending = (rows as unknown as readonly Row[]).map(pendingOf);
      if (pending.length === 0) return 0;
      let failure: unknown;
      try {
        await this.#send(pending, context);
        await this.#done(session, pending);
      } catch (error) {
        if (!isFatal(error) || session.outage !== undefined || context.aborted) throw error;
        failure = await this.#oneByOne(session, pending, context);
      }
      await session.commit();
      return failure === undefined ? pending.length : await Promise.reject(failure);
    } finally {
      await session.undo();
    }
  }

  /** Deletes what was sent long ago, now and then. */
  async clean(): Promise<void> {
    const { keep, label } = this.#settings;
    if (keep === 0 || this.#clock.now() < this.#cleanDue) return;
    this.#cleanDue = this.#clock.now() + cleanEvery;
    const { rowCount } = await this.#pool.query(this.#statements.clean, [keep]).catch((error: unknown) => {
      throw new Error(`${label}: what was sent cannot be deleted`, { cause: error });
    });
    if (rowCount === cleanedAtOnce) this.#cleanDue = Number.NEGATIVE_INFINITY;
  }

  /**
   * One of them can never be sent. Parks it, and those like it, if another one can; resolves with what has kept the rest
   * from being sent, `undefined` if nothing did.
   */
  async #oneByOne(session: TransactionSession, pending: readonly Pending[], context: Context): Promise<unknown> {
    const refused: { readonly id: string; readonly error: unknown }[] = [];
    const sent: Pending[] = [];
    let failure: unknown;
    for (const each of pending) {
      try {
        await this.#send([each], context);
        sent.push(each);
      } catch (error) {
        failure = error;
        if (!isFatal(error)) break;
        refused.push({ id: each.id, error });
        failure = undefined;
      }
    }
    if (sent.length > 0) {
      await this.#done(session, sent);
      for (const { id, error } of refused) {
        await this.#ask(session, this.#statements.park, [id, String(error).slice(0, 500)]);
        this.parked++;
      }
    }
    return failure ?? (sent.length === 0 ? refused[0]?.error : undefined);
  }

  async #send(pending: readonly Pending[], context: Context): Promise<void> {
    const { send, sendTimeout } = this.#settings;
    const events = pending.map(({ event }) => event);
    await timeout(async (scope) => send(events, scope), sendTimeout, { signal: context });
  }

  async #done(session: TransactionSession, sent: readonly Pending[]): Promise<void> {
    this.sent += sent.length;
    await this.#ask(session, this.#statements.done, [sent.map(({ id }) => id)]);
  }

  /** Not with the relay's context: what was sent is to be marked, also when it is told to stop. */
  #ask(session: TransactionSession, text: string, values: unknown[]): Promise<PostgresResult> {
    return session.run(text, values, this.#settings.answerTimeout, null);
  }
}

function pendingOf(row: Row): Pending {
  const { id, topic, key, value, partition, header_names: names, header_values: values } = row;
  const headers = new Map(names.map((name, index) => [name, values[index]!]));
  return { id, event: { topic, key, value, headers, partition: partition ?? undefined } };
}
