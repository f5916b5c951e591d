import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { PostgresClientLike, PostgresLike } from "./postgres-like.ts";
import { quotedName } from "./sql-names.ts";

interface Listening {
  on(event: "notification", listener: () => void): unknown;
  removeListener(event: "notification", listener: () => void): unknown;
}

/** A connection that is told of events. It is a hint: whoever waits for it also looks by themselves. @internal */
export class OutboxListener {
  readonly #pool: PostgresLike;
  readonly #statement: string;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  /** Told while nobody waited. */
  #isTold = false;

  constructor(pool: PostgresLike, channel: string, clock: Clock) {
    this.#pool = pool;
    this.#statement = `LISTEN ${quotedName(channel)}`;
    this.#clock = clock;
  }

  /** Listens until the function that it returns is called; again, a while after its connection broke. */
  start(context: Context): () => void {
    let client: PostgresClientLike | undefined;
    let isOver = false;
    const onNotification = (): void => this.#tell();
    const leave = (): void => {
      const left = client;
      client = undefined;
      if (left === undefined) return;
      (left as unknown as Listening).removeListener("notification", onNotification);
      // It listens, which nobody else wants of it.
      left.release(true);
    };
    const onError = (): void => {
      leave();
      again();
    };
    const again = (): void => {
      if (isOver || context.aborted) return;
      this.#clock.setTimeout(() => void listen(), 1000, false);
    };
    const listen = async (): Promise<void> => {
      if (isOver) return;
      try {
        client = await this.#pool.connect();
        client.on("error", onError);
        (client as unknown as Listening).on("notification", onNotification);
        await client.query(this.#statement);
        // What was said before is not said again.
        this.#tell();
      } catch {
        leave();
        again();
        return;
      }
      if (isOver) leave();
    };
    void listen();
    return () => {
      isOver = true;
      leave();
    };
  }

  /** Until `ms` have passed, the context aborts, or it is told of something, unless `deaf`. */
  wait(ms: number, deaf: boolean, context: Context): Promise<void> {
    if (this.#isTold && !deaf) {
      this.#isTold = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        stop();
        this.#waiting.delete(end);
        resolve();
      };
      const cancel = this.#clock.setTimeout(end, ms);
      const stop = context.onAbort(end);
      if (!deaf) this.#waiting.add(end);
    });
  }

  #tell(): void {
    this.#isTold = this.#waiting.size === 0;
    for (const wake of this.#waiting) wake();
  }
}
