import { contextOf } from "../../concurrency/child-context.ts";
import { scopeOf } from "../../concurrency/abort.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { toMilliseconds, toMillisecondsInRange } from "../../duration.ts";
import { CanceledError, checkFunction, checkInteger, DeadlineExceededError, invalidArgument } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { LeasePermit } from "../../throttle/lease-permit.ts";
import type { LeaseAcquireOptions, LeaseInspection } from "../../throttle/lease-semaphore.ts";
import { semaphoreInspectScript } from "./lua/semaphore-inspect-script.ts";
import type { RedisPort } from "./port.ts";
import type { RedisLike } from "./redis-like.ts";
import { portOf } from "./redis-port.ts";
import type { SemaphoreHub } from "./semaphore-hub.ts";
import { hubOf, leaveHub } from "./semaphore-hubs.ts";
import type { HeldLease, LeaseOwner } from "./semaphore-lease.ts";
import type { RedisSemaphoreOptions, SemaphorePlan } from "./semaphore-options.ts";
import { checkPermits, planOf } from "./semaphore-options.ts";
import { inspectionOf } from "./semaphore-protocol.ts";
import { ReplicaCheck } from "./semaphore-replicas.ts";

const forEver = Number.POSITIVE_INFINITY;

/**
 * A semaphore that many processes share, in Redis or Valkey: at most `permits` live leases. A permit is a lease, renewed
 * while its process lives and reaches the server; after a crash it ends by itself. Who finds no room waits, strictly in the
 * order of arrival at the server, and is told: nothing polls.
 *
 * A lease can end under a holder that was stopped, or cut off, for longer than it lasts. `permit.context` aborts before
 * that; what cannot be taken back checks `permit.fence`, whose token grows with each grant of a slot.
 *
 * `client` is one of ioredis, iovalkey or node-redis, and stays yours. Objects with the same client and name share what they
 * need of the server.
 *
 * @example
 * ```ts no-run
 * import { Redis } from "ioredis";
 * import { RedisSemaphore } from "snowshed/redis";
 *
 * await using exports = new RedisSemaphore(new Redis(), "exports", { permits: 5 });
 * await exports.run(async (context, permit) => {
 *   await fetch("http://reports/export", { signal: context.signal, headers: { "X-Fence": `${permit.fence.token}` } });
 * });
 * ```
 */
export class RedisSemaphore implements AsyncDisposable {
  readonly name: string;
  readonly #plan: SemaphorePlan;
  readonly #port: RedisPort;
  readonly #hub: SemaphoreHub;
  readonly #replicas: ReplicaCheck | null;
  readonly #holder: Holder;
  #closing: Promise<void> | null = null;

  constructor(client: RedisLike, name: string, options: RedisSemaphoreOptions) {
    const plan = planOf(name, options);
    this.#port = portOf(client, options.subscriber);
    this.name = name;
    this.#plan = plan;
    this.#hub = hubOf(this.#port, plan);
    const { replicas } = plan;
    this.#replicas = replicas === null ? null : new ReplicaCheck(this.#port, replicas.count, replicas.timeout);
    this.#holder = new Holder(name);
    hooks?.resourceCreated(this.#holder, "semaphore", name, plan.permits);
  }

  /** As far as this process knows. */
  get permits(): number {
    return this.#hub.permits;
  }

  /** How many units this object holds. */
  get held(): number {
    return this.#holder.held;
  }

  /** How many callers of this object wait. */
  get pending(): number {
    return this.#hub.requestsOf(this.#holder).length;
  }

  /** How many leases of this object ended under their holders, from the beginning. */
  get lost(): number {
    return this.#holder.lost;
  }

  /**
   * Takes `weight` units, an integer of at least 1, waiting until they are free and everyone who came before has been served. Give the permit back by
   * `release()`, or at the end of a block with `await using`.
   *
   * Rejects, holding nothing: with the cancellation when `signal` aborts; with `DeadlineExceededError` after `timeout`;
   * with `SNOWSHED_NEVER_FITS` when `weight` exceeds the permits, now or after a resize; with
   * `SNOWSHED_BACKEND_UNAVAILABLE` when the server refuses, or does not answer for `timeout` or `commandTimeout` (who
   * is queued notices up to a third of a lease later); with `SNOWSHED_REPLICATION_FAILED`.
   */
  permit(weight: number = 1, options: LeaseAcquireOptions = {}): Promise<LeasePermit> {
    try {
      return this.#acquire(weight, options, false, null) as Promise<HeldLease>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The permit if there is room and nobody waits; rejects as `permit()` does. Does not wait for more than the answer. */
  async tryPermit(weight: number = 1): Promise<LeasePermit | undefined> {
    return this.#acquire(weight, {}, true, null);
  }

  /**
   * Runs `task` with a permit, and gives that back when it has ended. Resolves and rejects as the task does; rejects as
   * `permit()` does without having run it, and with `SNOWSHED_LEASE_LOST` if the task ended because its context was
   * aborted for that.
   *
   * The context is a child of `signal`. That the permit could not be given back is no failure of the task: it ends with its
   * lease.
   */
  async run<T>(
    task: (context: Context, permit: LeasePermit) => T | PromiseLike<T>,
    options: LeaseAcquireOptions & { readonly weight?: number | undefined } = {},
  ): Promise<T> {
    checkFunction(task, "task");
    const { weight = 1, signal } = options;
    const parent = contextOf(signal, this.#plan.clock);
    const permit = (await this.#acquire(weight, options, false, parent))!;
    try {
      return await task(permit.context, permit);
    } catch (error) {
      throw permit.lost !== null && error === permit.context.reason ? permit.lost : error;
    } finally {
      await permit.release().catch(() => {});
    }
  }

  /**
   * Changes the number of permits, for all processes: they take it over when they next speak to the server. Growing admits
   * waiters at once. Shrinking takes nothing from holders; waiters that no longer fit are refused with
   * `SNOWSHED_NEVER_FITS`.
   */
  async resize(permits: number): Promise<void> {
    checkPermits(permits);
    this.#checkOpen();
    await this.#hub.resize(permits);
  }

  /** What the server knows of all processes. Changes nothing. */
  async inspect(): Promise<LeaseInspection> {
    const { keys, permits, version } = this.#hub;
    const reply = await this.#hub.commands.bounded(this.#port.run(semaphoreInspectScript, keys.slice(0, 2), []));
    return inspectionOf(reply, permits, version);
  }

  /**
   * For operators: takes the lease with this id (of `inspect()`) from its holder, whatever process that is in, and tells
   * it: its context aborts. `false` if there is none. The work itself may still be running.
   */
  async releaseHolder(id: string): Promise<boolean> {
    if (typeof id !== "string" || !/^\S+$/.test(id)) throw invalidArgument(TypeError, "id", "an id of inspect()", id);
    return this.#hub.releaseHolder(id);
  }

  /**
   * Refuses all that wait and all that come, with `CanceledError`, and waits for the holders. With `timeout` (default:
   * none), what is still held then is given back under its holders, whose contexts abort, and this rejects with
   * `DeadlineExceededError`.
   */
  async close(options: { readonly timeout?: Duration | undefined } = {}): Promise<void> {
    const timeout = toMillisecondsInRange(options.timeout ?? forEver, "timeout", 0);
    const hub = this.#hub;
    const holder = this.#holder;
    this.#closing ??= holder.idle().then(() => this.#leave());
    hub.giveUpAll(holder, this.#closedError());
    if (holder.held === 0) holder.check();
    let forced = 0;
    const force = (): void => {
      for (const lease of hub.leases.values()) {
        if (lease.holder !== holder) continue;
        forced++;
        lease.release().catch(() => {});
      }
    };
    const cancelTimer = this.#plan.clock.setTimeout(force, timeout);
    try {
      await this.#closing;
    } finally {
      cancelTimer();
    }
    if (forced > 0) throw new DeadlineExceededError(`${forced} leases of "${this.name}" were held after ${timeout} ms`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #acquire(
    weight: number,
    options: LeaseAcquireOptions,
    isTry: boolean,
    parent: Context | null,
  ): Promise<HeldLease | undefined> {
    const scope = scopeOf(options.signal);
    const timeout = toMilliseconds(options.timeout ?? forEver, "timeout");
    checkInteger(weight, "weight", 1);
    this.#checkOpen();
    if (scope?.isAborted) throw scope.abortReason;
    const outer = parent ?? contextOf(undefined, this.#plan.clock);
    return this.#hub.acquire(
      this.#holder,
      weight,
      isTry || timeout <= 0,
      scope,
      isTry ? forEver : timeout,
      outer,
      this.#replicas,
    );
  }

  async #leave(): Promise<void> {
    await Promise.all([leaveHub(this.#port, this.#plan, this.#hub), this.#replicas?.close()]);
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw this.#closedError();
  }

  #closedError(): CanceledError {
    return new CanceledError(`the semaphore "${this.name}" is closed`);
  }
}

/** What one object holds, and what hooks know it as. */
class Holder implements LeaseOwner {
  readonly name: string;
  held = 0;
  lost = 0;
  readonly #idle: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  began(weight: number): void {
    this.held += weight;
  }

  ended(weight: number): void {
    this.held -= weight;
    this.check();
  }

  check(): void {
    if (this.held === 0) for (const tell of this.#idle.splice(0)) tell();
  }

  idle(): Promise<void> {
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
