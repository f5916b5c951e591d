import type { Context } from "snowshed";
import type { PoolOptions } from "snowshed/throttle";
import { Pool } from "snowshed/throttle";
import { afterEach } from "vitest";
import { clock } from "../support/fake-time.ts";
import type { Deferred } from "../support/promises.ts";
import { deferred } from "../support/promises.ts";

export class Connection {
  readonly id: number;
  state: "open" | "closed" | "broken" = "open";

  constructor(id: number) {
    this.id = id;
  }
}

/** A service that can be connected to, and counts who is. */
export class Service {
  readonly made: Connection[] = [];
  /** Set to have `create` fail. */
  error: Error | null = null;
  attempts = 0;
  most = 0;

  get open(): Connection[] {
    return this.made.filter(({ state }) => state === "open");
  }

  readonly create = async (_context?: Context): Promise<Connection> => {
    this.attempts++;
    await Promise.resolve();
    if (this.error !== null) throw this.error;
    const connection = new Connection(this.made.length + 1);
    this.made.push(connection);
    this.most = Math.max(this.most, this.open.length);
    return connection;
  };

  readonly destroy = (connection: Connection, broken: boolean): void => {
    connection.state = broken ? "broken" : "closed";
  };

  /** What a pool is told of it. */
  readonly calls = { create: this.create, destroy: this.destroy };
}

/** Makes pools in the fake clock, and closes them after each test, by force if they are still in use. */
export function usePools(): <T>(options: PoolOptions<T>) => Pool<T> {
  const pools: { close: Pool<unknown>["close"] }[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) {
      const closed = pool.close({ timeout: 0 }).catch(() => {});
      await clock.advance(3000);
      await closed;
    }
  });
  return (options) => {
    const pool = new Pool({ clock, ...options });
    pools.push(pool);
    return pool;
  };
}

/** A `create` whose calls the test answers, in the order they came. */
export class Answers<T> {
  readonly calls: (Deferred<T> & { readonly context: Context })[] = [];

  readonly create = (context: Context): Promise<T> => {
    const call = { ...deferred<T>(), context };
    this.calls.push(call);
    return call.promise;
  };
}
