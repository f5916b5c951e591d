import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import { abortable } from "../../concurrency/abortable.ts";
import { invalidArgument, SnowshedError } from "../../errors.ts";
import { FatalError, TransientError } from "../../overload/classified-errors.ts";
import { classify } from "../../overload/classify.ts";
import { isConflict, isEnd, isOutage, sqlStateOf, unavailable } from "./postgres-failures.ts";
import type { PostgresClientLike, PostgresLike, PostgresQuery, PostgresResult } from "./postgres-like.ts";

/** @internal */
export interface SessionSettings {
  readonly clock: Clock;
  /** For messages: `the deduplication store "billing"`. */
  readonly label: string;
  /** What to do when tables are missing. */
  readonly hint: string;
  readonly isolation: string;
  /** Milliseconds. */
  readonly answerTimeout: number;
  readonly connectTimeout: number;
  readonly idleTimeout: number;
}

/** How long an orderly end of an abandoned transaction is tried for, before its connection is cut. */
const patience = 1000;
const endsTransaction =
  /^\s*(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i;

/**
 * One transaction on one connection. It is either committed, or certainly not, or nobody knows: that the answer to its COMMIT
 * did not come is the only way to the latter.
 *
 * @internal
 */
export class TransactionSession {
  readonly #pool: PostgresLike;
  readonly #client: PostgresClientLike;
  readonly #settings: SessionSettings;
  #backend = 0;
  /** Statements that were sent and not answered. */
  #running = 0;
  /** The connection failed. */
  #outage: Error | undefined;
  /** The first statement of an effect that failed. */
  #failure: unknown;
  #state: "open" | "closed" | "released" = "open";
  /** A COMMIT was sent, and its answer decides. */
  isCommitting = false;
  /** The answer to a COMMIT did not come. */
  isDoubtful = false;
  #onLoss: ((error: unknown) => void) | null = null;
  readonly #onError = (error: unknown): void => this.#lose(error);

  private constructor(pool: PostgresLike, client: PostgresClientLike, settings: SessionSettings) {
    this.#pool = pool;
    this.#client = client;
    this.#settings = settings;
    // Without a listener, a connection that breaks while it is lent ends the process.
    client.on("error", this.#onError);
  }

  /**
   * `lock`: a statement for before anything is seen, and how long it may wait. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`, or
   * with the cancellation.
   */
  static async begin(
    pool: PostgresLike,
    settings: SessionSettings,
    context: Context,
    lock?: { readonly text: string; readonly timeout: number },
  ): Promise<TransactionSession> {
    const { isolation, idleTimeout, answerTimeout, connectTimeout, clock } = settings;
    let session: TransactionSession;
    try {
      session = new TransactionSession(pool, await borrowed(pool, context, connectTimeout, clock), settings);
    } catch (error) {
      context.throwIfAborted();
      throw unavailable(settings.label, error, settings.hint);
    }
    try {
      // One round trip. Its own time limit ends a transaction whose process, or network, has gone without a word.
      const text = `BEGIN ISOLATION LEVEL ${isolation} READ WRITE; SET LOCAL idle_in_transaction_session_timeout = ${idleTimeout}; ${lock === undefined ? "" : `${lock.text}; `}SELECT pg_backend_pid() AS pid`;
      const results: unknown = await session.run(text, undefined, answerTimeout + (lock?.timeout ?? 0), context);
      const last = (Array.isArray(results) ? (results as readonly PostgresResult[]) : []).at(-1);
      session.#backend = Number(last?.rows[0]?.["pid"] ?? 0);
      return session;
    } catch (error) {
      await session.undo();
      throw error;
    }
  }

  /** Why the connection is of no use any more; `undefined` while it is. */
  get outage(): Error | undefined {
    return this.#outage;
  }

  /** Called once, if the connection fails while nobody asks it anything. */
  set onLoss(listener: (error: unknown) => void) {
    this.#onLoss = listener;
    if (this.#outage !== undefined) listener(this.#outage);
  }

  /** Whether the transaction was undone since others were in its way, whatever the effect made of that. */
  hasConflict(error: unknown): boolean {
    return isConflict(error) || isConflict(this.#failure);
  }

  /**
   * A statement of the library's own. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`, with the cancellation, or, if others were in
   * the way, with what the server said.
   */
  async run(
    text: string,
    values: unknown[] | undefined,
    timeout: number,
    context: Context | null,
  ): Promise<PostgresResult> {
    const { clock, label, hint } = this.#settings;
    this.#checkOpen();
    try {
      const asked = bounded(
        this.#send(() => this.#client.query(text, values)),
        timeout,
        clock,
      );
      return await (context === null ? asked : abortable(context, asked));
    } catch (error) {
      context?.throwIfAborted();
      if (isConflict(error)) throw error;
      // An answer that comes later would be taken for that to something else.
      if (sqlStateOf(error) === "" || isEnd(error)) this.#lose(error);
      throw unavailable(label, error, hint);
    }
  }

  /** A statement of an effect. */
  async query(query: string | PostgresQuery, values: readonly unknown[] | undefined): Promise<PostgresResult> {
    const text: unknown = typeof query === "string" ? query : (query as PostgresQuery | null)?.text;
    if (typeof text !== "string") throw invalidArgument(TypeError, "query", "text, or an object with text", text);
    if (endsTransaction.test(text)) {
      const expected = "a statement that leaves the transaction open: the store commits it, or rolls it back";
      throw invalidArgument(RangeError, "query", expected, text.slice(0, 80));
    }
    this.#checkOpen();
    try {
      return await this.#send(() => this.#client.query(query as string, values as unknown[] | undefined));
    } catch (error) {
      this.#failure ??= error;
      if (isOutage(error)) this.#lose(error);
      throw error;
    }
  }

  /** No statement of an effect is taken from now on. */
  close(): void {
    if (this.#state === "open") this.#state = "closed";
  }

  /**
   * Resolves when it is committed. Rejects with `SNOWSHED_BACKEND_UNAVAILABLE` if nobody knows whether it is; with anything else
   * if it certainly is not.
   */
  async commit(): Promise<void> {
    const { answerTimeout, label, hint, clock } = this.#settings;
    this.#checkOpen();
    this.close();
    const status = (this.#client as { getTransactionStatus?(): unknown }).getTransactionStatus?.();
    if (status === "I") throw new FatalError(`${label}: the effect has ended the transaction itself`);
    let result: PostgresResult;
    this.isCommitting = true;
    try {
      result = await bounded(
        this.#send(() => this.#client.query("COMMIT")),
        answerTimeout,
        clock,
      );
    } catch (error) {
      // What the server refuses to commit, it has undone: such as a constraint that is checked at the end.
      const state = sqlStateOf(error);
      if (state !== "" && !isOutage(error)) throw error;
      this.isDoubtful = true;
      this.#lose(error);
      const lost = new Error("no answer to COMMIT: whether it is committed comes out by asking again", {
        cause: error,
      });
      throw unavailable(label, lost, hint);
    }
    // A transaction in which a statement failed cannot be committed, and COMMIT says so only by this word.
    if (result.command === "ROLLBACK") throw ignoredFailure(label, this.#failure);
    this.#release(false);
  }

  /** Certain from the beginning, since no COMMIT was sent. Never rejects; bounded. */
  async undo(): Promise<void> {
    this.close();
    if (this.#state === "released") return;
    if (this.#outage === undefined) {
      try {
        // What was sent before the ROLLBACK is answered before it.
        if (this.#running > 0) await this.#interrupt();
        await bounded(this.#client.query("ROLLBACK"), patience, this.#settings.clock);
      } catch (error) {
        this.#lose(error);
      }
    }
    this.#release(this.#outage !== undefined);
  }

  /** Marks a point to come back to. */
  async savepoint(): Promise<void> {
    await this.run("SAVEPOINT snowshed", undefined, this.#settings.answerTimeout, null);
  }

  /** Rejects if a statement failed since, and the effect ignored it. */
  async keep(): Promise<void> {
    const { clock, answerTimeout, label } = this.#settings;
    this.#checkOpen();
    try {
      await bounded(
        this.#send(() => this.#client.query("RELEASE SAVEPOINT snowshed")),
        answerTimeout,
        clock,
      );
    } catch (error) {
      if (sqlStateOf(error) !== "25P02") throw error;
      throw ignoredFailure(label, this.#failure);
    }
  }

  async goBack(): Promise<void> {
    const text = "ROLLBACK TO SAVEPOINT snowshed; RELEASE SAVEPOINT snowshed";
    await this.run(text, undefined, this.#settings.answerTimeout, null);
    this.#failure = undefined;
  }

  /** What an effect was busy with, by another connection: the server would otherwise go on with it, and hold its locks. */
  async #interrupt(): Promise<void> {
    const { clock } = this.#settings;
    if (this.#backend === 0) throw new Error("the session is not known");
    let isLate = false;
    const other = this.#pool.connect();
    // The session may be somebody else's by the time a busy pool has a connection.
    void other.then(
      (client) => {
        if (isLate) client.release();
      },
      () => {},
    );
    try {
      const client = await bounded(other, patience, clock);
      // What breaks this session may break that one, too.
      client.on("error", ignore);
      let isBroken = true;
      try {
        await bounded(client.query("SELECT pg_cancel_backend($1)", [this.#backend]), patience, clock);
        isBroken = false;
        client.removeListener("error", ignore);
      } finally {
        client.release(isBroken);
      }
    } catch (error) {
      isLate = true;
      throw error;
    }
  }

  /** What is sent after the ROLLBACK would be a transaction of its own. */
  #checkOpen(): void {
    if (this.#state !== "open") throw new FatalError(`${this.#settings.label}: the transaction is over`);
  }

  async #send<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#outage !== undefined) throw this.#outage;
    this.#running++;
    try {
      return await ask();
    } finally {
      this.#running--;
    }
  }

  #lose(error: unknown): void {
    if (this.#outage !== undefined) return;
    this.#outage = error instanceof Error ? error : new Error("the connection failed", { cause: error });
    this.#onLoss?.(this.#outage);
  }

  #release(broken: boolean): void {
    this.#state = "released";
    this.#client.removeListener("error", this.#onError);
    // Until it is gone, it may still say that it broke.
    if (broken) this.#client.on("error", ignore);
    this.#client.release(broken);
  }
}

function ignore(): void {}

async function borrowed(
  pool: PostgresLike,
  context: Context,
  timeout: number,
  clock: Clock,
): Promise<PostgresClientLike> {
  const asked = pool.connect();
  try {
    const client = await abortable(context, bounded(asked, timeout, clock));
    if (typeof (client as Partial<PostgresClientLike> | undefined)?.release === "function") return client;
    throw invalidArgument(TypeError, "pool", "a Pool, whose connect() gives clients with release()", client);
  } catch (error) {
    void asked.then(
      (client) => client?.release?.(),
      () => {},
    );
    throw error;
  }
}

function bounded<T>(asked: Promise<T>, ms: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimeout(() => {
      reject(new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", `no answer within ${ms} ms`));
    }, ms);
    asked.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

function ignoredFailure(label: string, failure: unknown): SnowshedError {
  const message = `${label}: a statement of the effect failed, and the effect went on: nothing of it was applied`;
  const options = { cause: failure };
  return classify(failure) === "fatal" ? new FatalError(message, options) : new TransientError(message, options);
}
