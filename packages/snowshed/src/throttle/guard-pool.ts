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

/** What `mysql2` calls a pool, with its callbacks. */
export interface MysqlCallbackPoolLike<C> {
  promise(): MysqlPoolLike<C>;
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
 * Leave that to the guard: a task must not release its client.
 *
 * A client that broke is not given back but removed: by `release(true)` of pg, by `destroy()` of mysql2 and generic-pool.
 * tarn destroys what its `validate` says no to, so the guard puts a `validate` of its own before that. Removed, too, is
 * one that emitted `"error"` while it was held; without a listener that would have ended the process.
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
  pool: MysqlPoolLike<C> | MysqlCallbackPoolLike<C>,
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
      // There already: the pool behind lends it twice, which is an error. What listens to it must not be forgotten.
      if (!failed.has(client)) {
        failed.set(
          client,
          listen(client, () => broken.add(client)),
        );
      }
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

const refused = new WeakMap<object, WeakSet<object>>();

/** Has a pool of tarn destroy a client that is given back: it does so where its `validate` says no, and in no other way. */
function refuse(pool: object, client: unknown): void {
  const validate = read(pool, "validate");
  if (typeof validate !== "function" || !isObject(client)) return;
  let clients = refused.get(pool);
  if (clients === undefined) {
    const all = (clients = new WeakSet());
    refused.set(pool, all);
    const isValid = (each: object): unknown => !all.has(each) && (validate as Callable).call(pool, each);
    Object.assign(pool, { validate: isValid });
  }
  clients.add(client);
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
      // The `destroy` of generic-pool. The one of tarn, of the same name, ends the whole pool.
      giveBack: (client, broken) => {
        const canRemove = has(pool, "isBorrowedResource");
        if (broken && !canRemove) refuse(pool, client);
        return call(pool, broken && canRemove ? "destroy" : "release", client);
      },
      max: at("max"),
    };
  }
  throw invalidArgument(TypeError, "pool", "a pool of pg, mysql2, generic-pool or tarn", pool);
}
