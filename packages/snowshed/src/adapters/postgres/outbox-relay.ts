import { contextOf } from "../../concurrency/child-context.ts";
import type { CancelContext, Context } from "../../concurrency/context.ts";
import { invalidArgument } from "../../errors.ts";
import { OutboxBatches } from "./outbox-batches.ts";
import { OutboxListener } from "./outbox-listener.ts";
import type { OutboxRelayOptions, RelaySettings } from "./outbox-relay-options.ts";
import { relaySettings } from "./outbox-relay-options.ts";
import { outboxNames } from "./outbox-schema.ts";
import { unavailable } from "./postgres-failures.ts";
import type { PostgresLike } from "./postgres-like.ts";

/** What a relay has counted since it was made. */
export interface OutboxInspection {
  /** Events that were sent, each as often as it was. */
  readonly sent: number;
  /** Events that were put aside since they can never be sent. */
  readonly parked: number;
  /** Batches that could not be sent, or not be taken from the table. */
  readonly failures: number;
}

/** What is in the table. */
export interface OutboxBacklog {
  readonly pending: number;
  readonly parked: number;
  /** Milliseconds since the oldest event that is not sent was enqueued; 0 if there is none. */
  readonly age: number;
}

/**
 * Sends what an `Outbox` was given, at least once, in order for each key. As many relays as you like may run at once, in one process
 * or in several: each takes a lane that nobody has, and an event that was sent is marked in the transaction that held its
 * lane. What a relay that crashed had sent and not marked is sent again, with the same identity.
 *
 * An event that can never be sent, by `classify` of what `send` rejected with, is parked while others go through; if nothing goes
 * through, the fault is taken to be elsewhere, and all is tried again.
 *
 * @example
 * ```ts no-run
 * import pg from "pg";
 * import { OutboxRelay } from "snowshed/postgres";
 *
 * const relay = new OutboxRelay(new pg.Pool(), {
 *   send: async (events) => {
 *     for (const { topic, value } of events) await fetch(`http://broker/${topic}`, { method: "POST", body: value });
 *   },
 * });
 * await relay.run({ signal: AbortSignal.timeout(60_000) });
 * ```
 */
export class OutboxRelay {
  readonly #pool: PostgresLike;
  readonly #settings: RelaySettings;
  readonly #batches: OutboxBatches;
  readonly #listener: OutboxListener;
  readonly #backlogStatement: string;
  #failures = 0;

  constructor(pool: PostgresLike, options: OutboxRelayOptions) {
    if (typeof (pool as Partial<PostgresLike> | null)?.connect !== "function") {
      throw invalidArgument(TypeError, "pool", "a Pool of pg", typeof pool);
    }
    this.#pool = pool;
    this.#settings = relaySettings(options);
    const names = outboxNames(options);
    this.#batches = new OutboxBatches(pool, names, this.#settings);
    this.#listener = new OutboxListener(pool, names.channel, this.#settings.clock);
    this.#backlogStatement = `SELECT count(*) FILTER (WHERE parked_at IS NULL) AS pending, count(parked_at) AS parked,
coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at) FILTER (WHERE parked_at IS NULL)) * 1000, 0)::bigint AS age
FROM ${names.table} WHERE sent_at IS NULL`;
  }

  /**
   * Sends until `signal` aborts; resolves then, when what was being sent has ended: at once, if `send` heeds its context. Failures
   * are told to `onFailure`, and tried again for ever; it never rejects.
   */
  async run({ signal }: { readonly signal?: AbortSignal | Context | undefined } = {}): Promise<void> {
    const { clock, listens, concurrency } = this.#settings;
    const context = contextOf(signal, clock).withCancel();
    const stopListening = listens ? this.#listener.start(context) : () => {};
    try {
      await Promise.all(Array.from({ length: concurrency }, (_, place) => this.#loop(context, place === 0)));
    } finally {
      stopListening();
      context.detach();
    }
  }

  /** Sends what is there, and resolves with how many events that were. Rejects with the first failure. */
  async drain({ signal }: { readonly signal?: AbortSignal | Context | undefined } = {}): Promise<number> {
    const context = contextOf(signal, this.#settings.clock);
    let total = 0;
    for (;;) {
      context.throwIfAborted();
      const sent = await this.#batches.next(context);
      if (sent === undefined) return total;
      total += sent;
    }
  }

  /** How much waits. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`. */
  async backlog(): Promise<OutboxBacklog> {
    const { label, hint } = this.#settings;
    try {
      const { pending, parked, age } = (await this.#pool.query(this.#backlogStatement)).rows[0] ?? {};
      return { pending: Number(pending), parked: Number(parked), age: Number(age) };
    } catch (error) {
      throw unavailable(label, error, hint);
    }
  }

  inspect(): OutboxInspection {
    return { sent: this.#batches.sent, parked: this.#batches.parked, failures: this.#failures };
  }

  async #loop(context: CancelContext, isFirst: boolean): Promise<void> {
    const { backoff, clock, pollEvery, onFailure } = this.#settings;
    let failed = 0;
    while (!context.aborted) {
      let wait = pollEvery;
      try {
        if (isFirst) await this.#batches.clean();
        // As long as there is something, the next batch at once.
        if ((await this.#batches.next(context)) !== undefined) wait = 0;
        failed = 0;
      } catch (error) {
        if (context.aborted) break;
        failed++;
        this.#failures++;
        tell(onFailure, error);
        wait = Math.max(1, backoff.delay(failed, 0, clock));
      }
      if (wait > 0) await this.#listener.wait(wait, failed > 0, context);
    }
  }
}

function tell(listener: (error: unknown) => void, error: unknown): void {
  try {
    listener(error);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
