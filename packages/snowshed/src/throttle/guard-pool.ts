import type { Clock } from "../clock.ts";
import type { Duration } from "../duration.ts";
import { checkInteger, invalidArgument } from "../errors.ts";
import { isObject, read } from "../overload/inspection.ts";
import type { PoolLeak } from "./pool-leaks.ts";
import type { PoolOptions } from "./pool-options.ts";
import { Pool } from "./pool.ts";

/** What `pg` calls a pool. */
export interface PgPoolLike {
  connect(): Promise<{ release(broken?: boolean): unknown }>;
}

/** What `mysql2/promise` calls a pool. */
export interface MysqlPoolLike<C> {
  getConnection(): Promise<C>;
}

/** A pool of `generic-pool` or `tarn`. */
export interface GenericPoolLike<C> {
  acquire(): PromiseLike<C> | { readonly promise: PromiseLike<C> };
  release(resource: C): unknown;
}

/** What `connect()` resolves to: of two signatures, one of which takes a callback, or of one. */
export type PgClientOf<P extends PgPoolLike> = P["connect"] extends {
  (): Promise<infer C>;
  (callback: (...args: never[]) => void): void;
}
  ? unknown extends C
    ? Awaited<ReturnType<P["connect"]>>
    : C
  : never;

export interface GuardPoolOptions<C> {
  /** How many may be held at once, through this guard: an integer of at least 1. Default: the `max` of the pool. */
  readonly limit?: number | undefined;
  /** How long a caller waits in all: for its turn and for the pool. Default: 3 s. */
  readonly acquireTimeout?: Duration | undefined;
  /** How many may wait: an integer of at least 0, or `Infinity`. Default: 1000. */
  readonly maxQueue?: number | undefined;
  /** Of `run()`: whether a task that failed with `error` has left its client broken. Default: as {@link Pool.run} has it. */
  readonly isBroken?: ((error: unknown) => boolean) | undefined;
  /** Held for longer than this is reported as a leak. `Infinity`: not looked for. Default: 60 s. */
  readonly leakThreshold?: Duration | undefined;
  /** Told of each leak once. Default: a process warning for each place in the program. */
  readonly onLeak?: ((leak: PoolLeak<C>) => void) | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly name?: string | undefined;
}

/** What a guard asks of the pool behind it. */
interface Lender<C> {
  take(): PromiseLike<C>;
  giveBack(client: C, broken: boolean): unknown;
  readonly max: unknown;
}

/**
 * A bounded and fair queue with a deadline, leak detection and metrics in front of a pool that is there already: of `pg`,
 * `mysql2/promise`, `generic-pool` or `tarn`. What it returns is used as a {@link Pool}: `run()`, `permit()`, `inspect()`,
 * `close()`, which waits for holders and leaves the pool behind it open.
 *
 * A client comes from that pool for each caller and goes back after it, so its own settings for idle and old ones hold.
 * One that broke is not given back but removed, as the client's own `release(true)` or `destroy()` does it, if it has
 * one. So is one that emitted `"error"` while it was held; without a listener that would have ended the process.
 *
 * @example
 * ```ts
 * import { guardPool } from "snowshed/throttle";
 *
 * const client = { query: async (text: string) => `rows of ${text}`, release: () => {} };
 * const pgPool = { connect: async () => client, options: { max: 10 } }; // Stands for: new pg.Pool({ max: 10 })
 * const database = guardPool(pgPool, { acquireTimeout: "1s" });
 * console.log(await database.run(({ query }) => query("orders")), database.max); // rows of orders 10
 * ```
 */
export function guardPool<P extends PgPoolLike>(
  pool: P,
  options?: GuardPoolOptions<PgClientOf<P>>,
): Pool<PgClientOf<P>>;
export function guardPool<C extends { release(): unknown; destroy(): unknown }>(
  pool: MysqlPoolLike<C>,
  options?: GuardPoolOptions<C>,
): Pool<C>;
export function guardPool<C>(pool: GenericPoolLike<C>, options?: GuardPoolOptions<C>): Pool<C>;
export function guardPool<C>(pool: object, options: GuardPoolOptions<C> = {}): Pool<C> {
  const lender = lenderOf<C>(pool);
  const { limit = lender.max, ...rest } = options;
  checkInteger(limit, "limit", 1);
  const failed = new Map<C, () => void>();
  const broken = new Set<C>();
  const guarded: PoolOptions<C> = {
    ...rest,
    max: limit as number,
    min: 0,
    maxAge: Number.POSITIVE_INFINITY,
    idleTimeout: Number.POSITIVE_INFINITY,
    reuse: false,
    create: async () => {
      const client = await lender.take();
      failed.set(
        client,
        listen(client, () => broken.add(client)),
      );
      return client;
    },
    destroy: (client, isBroken) => {
      failed.get(client)?.();
      failed.delete(client);
      return lender.giveBack(client, broken.delete(client) || isBroken);
    },
  };
  return new Pool(guarded);
}

interface Emitter {
  on(event: "error", listener: () => void): unknown;
  off(event: "error", listener: () => void): unknown;
}

/** Listens for an error, until the function it returns is called. */
function listen(client: unknown, onError: () => void): () => void {
  if (!has(client, "on") || !has(client, "off")) return () => {};
  const emitter = client as Emitter;
  emitter.on("error", onError);
  return () => void emitter.off("error", onError);
}

type Callable = (...args: readonly unknown[]) => unknown;

function has(value: unknown, name: string): boolean {
  return isObject(value) && typeof read(value, name) === "function";
}

function call(value: unknown, name: string, ...args: readonly unknown[]): unknown {
  return (value as Readonly<Record<string, Callable>>)[name]!(...args);
}

function lenderOf<C>(pool: object): Lender<C> {
  const at = (...path: readonly string[]): unknown => {
    let value: unknown = pool;
    for (const key of path) value = isObject(value) ? read(value, key) : undefined;
    return value;
  };
  if (has(pool, "getConnection")) {
    // The pool of the callback interface knows the other one.
    const asked = has(pool, "promise") ? call(pool, "promise") : pool;
    return {
      take: () => call(asked, "getConnection") as PromiseLike<C>,
      giveBack: (client, broken) => call(client, broken ? "destroy" : "release"),
      max: at("pool", "config", "connectionLimit") ?? at("config", "connectionLimit"),
    };
  }
  if (has(pool, "connect")) {
    return {
      take: () => call(pool, "connect") as PromiseLike<C>,
      giveBack: (client, broken) => call(client, "release", broken),
      max: at("options", "max"),
    };
  }
  if (has(pool, "acquire") && has(pool, "release")) {
    return {
      take: () => {
        const pending = call(pool, "acquire") as PromiseLike<C> | { readonly promise: PromiseLike<C> };
        return "promise" in pending ? pending.promise : pending;
      },
      // That of generic-pool. The one of tarn, of the same name, ends the whole pool.
      giveBack: (client, broken) =>
        call(pool, broken && has(pool, "isBorrowedResource") ? "destroy" : "release", client),
      max: at("max"),
    };
  }
  throw invalidArgument(TypeError, "pool", "a pool of pg, mysql2, generic-pool or tarn", pool);
}
