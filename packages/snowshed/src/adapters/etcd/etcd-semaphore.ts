import { scopeOf } from "../../concurrency/abort.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import { toMilliseconds } from "../../duration.ts";
import { checkFunction, checkInteger, DeadlineExceededError, invalidArgument } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { LeasePermit } from "../../throttle/lease-permit.ts";
import type { LeaseAcquireOptions, LeaseInspection } from "../../throttle/lease-semaphore.ts";
import { EtcdClient } from "./etcd-client.ts";
import { SemaphoreHub } from "./semaphore-hub.ts";
import { semaphoreNames } from "./semaphore-names.ts";
import { inspectSemaphore, releasePlace } from "./semaphore-inspection.ts";
import type { EtcdSemaphoreOptions } from "./semaphore-options.ts";
import { checkLease, checkPermits, checkText, checkWeight, defaultOwner, keysOf } from "./semaphore-options.ts";
import type { EtcdPermit } from "./semaphore-place.ts";
import { SemaphoreRequests } from "./semaphore-requests.ts";

const defaultPrefix = "snowshed/semaphore";

/**
 * A semaphore that several processes share, in etcd: at most `permits` live leases hold it, and who waits is served in the
 * order in which etcd has heard of them.
 *
 * That is no mutual exclusion: a process that is stopped for longer than its lease still believes that it holds its
 * permit until it goes on. Then its `context` is aborted, and what it has still under way a resource can refuse by the
 * `fence`, which grows with each grant of a slot.
 *
 * It is made for tens to hundreds of permits that are held for long. A permit that need not wait costs two writes of the
 * whole cluster (one to get it, one to give it back), one that waits costs three.
 *
 * An `EtcdSemaphore` that is used keeps the process running until it is closed.
 *
 * @example
 * ```ts no-run
 * import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
 *
 * await using client = new EtcdClient({ endpoints: "127.0.0.1:2379" });
 * const exports = new EtcdSemaphore(client, "exports", { permits: 3 });
 * await exports.run(async (context, { fence }) => {
 *   console.log(`slot ${fence.slot}, token ${fence.token}`);
 *   await context.sleep("1m");
 * });
 * ```
 */
export class EtcdSemaphore implements AsyncDisposable {
  readonly name: string;
  readonly #client: EtcdClient;
  readonly #requests: SemaphoreRequests;
  readonly #hub: SemaphoreHub;

  constructor(client: EtcdClient, name: string, options: EtcdSemaphoreOptions) {
    if (!(client instanceof EtcdClient)) throw invalidArgument(TypeError, "client", "an EtcdClient", client);
    const { permits, version = 0, prefix = defaultPrefix, owner = defaultOwner() } = options;
    const keys = keysOf(prefix, name);
    checkPermits(permits);
    checkInteger(version, "version", 0);
    const ttl = checkLease(options.lease);
    checkText(owner, "owner");
    this.name = name;
    this.#client = client;
    this.#requests = new SemaphoreRequests(keys);
    this.#hub = new SemaphoreHub({
      client,
      requests: this.#requests,
      permits: { permits, version },
      ttl,
      owner,
      resource: this,
      label: `the semaphore "${name}"`,
    });
    hooks?.resourceCreated(this, "semaphore", name, permits);
  }

  /** As far as this process knows. */
  get permits(): number {
    return this.#hub.permits;
  }

  /** How many units this object holds. */
  get held(): number {
    return this.#hub.held;
  }

  /** How many callers of this object wait. */
  get pending(): number {
    return this.#hub.pending;
  }

  /** How many permits of this object were lost under their holders, from the beginning. */
  get lost(): number {
    return this.#hub.lost;
  }

  /** The names of all semaphores with this prefix that have been used, in order. */
  static async names(client: EtcdClient, options: { readonly prefix?: string | undefined } = {}): Promise<string[]> {
    if (!(client instanceof EtcdClient)) throw invalidArgument(TypeError, "client", "an EtcdClient", client);
    const { prefix = defaultPrefix } = options;
    if (prefix !== "") checkText(prefix, "prefix");
    return semaphoreNames(client.connection, prefix);
  }

  /**
   * `weight` permits, an integer from 1 to 100, after a wait for them if need be. Give them back by `release()`, or at the end
   * of a block with `await using`.
   *
   * Rejects, holding nothing: with the cancellation when `signal` aborts, with `DeadlineExceededError` after `timeout`,
   * with `SNOWSHED_NEVER_FITS` when `weight` exceeds the permits, now or after a `resize()`, with
   * `SNOWSHED_BACKEND_UNAVAILABLE` when etcd cannot be reached for as long as the `timeout` of the client, with
   * `FatalError` when it refuses, and with `CanceledError` when the semaphore is closed.
   *
   * If the lease is lost while it waits, it queues again, behind all others.
   */
  async permit(weight: number = 1, options: LeaseAcquireOptions = {}): Promise<LeasePermit> {
    return this.#acquire(weight, options, contextOf(undefined, this.#client.connection.clock));
  }

  /**
   * Permits at once, or `undefined` where somebody would have to be waited for. Waits for the answer of etcd only; rejects
   * as `permit()` does.
   */
  async tryPermit(weight: number = 1): Promise<LeasePermit | undefined> {
    checkWeight(weight);
    if (this.#hub.isClosed) throw this.#hub.closedError();
    return this.#hub.tryEnter(weight, contextOf(undefined, this.#client.connection.clock));
  }

  /**
   * Runs `task` with permits, and gives them back when it has ended. Resolves and rejects as the task does; rejects as
   * `permit()` does without having run it.
   *
   * The task gets the context of its permit, a child of that of `signal`: it is aborted when the lease is lost. Giving
   * back is waited for; if that fails, the permits end with the lease.
   */
  async run<T>(
    task: (context: Context, permit: LeasePermit) => T | PromiseLike<T>,
    options: LeaseAcquireOptions & { readonly weight?: number | undefined } = {},
  ): Promise<T> {
    checkFunction(task, "task");
    const { weight = 1, signal } = options;
    const parent = contextOf(signal, this.#client.connection.clock);
    const permit = await this.#acquire(weight, options, parent);
    try {
      return await task(permit.context, permit);
    } finally {
      await permit.release().catch(() => {});
    }
  }

  /**
   * Changes the number of permits, for all processes. Growing admits those who wait. Shrinking takes nothing from holders:
   * nobody is admitted until enough has been given back; those who can no longer fit are refused with
   * `SNOWSHED_NEVER_FITS`. Resolves when etcd has it.
   */
  async resize(permits: number): Promise<void> {
    checkPermits(permits);
    if (this.#hub.isClosed) throw this.#hub.closedError();
    await this.#hub.resize(permits);
  }

  /** What etcd knows of it now: also when this semaphore has never been used, or is closed. */
  async inspect(): Promise<LeaseInspection> {
    return inspectSemaphore(this.#client.connection, this.#requests);
  }

  /**
   * Takes the permits from a holder, by the `id` that `inspect()` shows: for people, when they know that it will not give
   * them back. Its context is aborted as soon as it hears of that. False: there is no such holder.
   */
  async releaseHolder(id: string): Promise<boolean> {
    checkText(id, "id");
    return releasePlace(this.#client.connection, this.#requests, id);
  }

  /**
   * Refuses all that wait and all that come, gives back what is held, and aborts its contexts. Resolves when etcd knows, or
   * cannot be reached: then it ends with the lease. The client stays open.
   */
  async close(): Promise<void> {
    await this.#hub.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #acquire(weight: number, options: LeaseAcquireOptions, parent: Context): Promise<EtcdPermit> {
    const scope = scopeOf(options.signal);
    const timeout = toMilliseconds(options.timeout ?? Number.POSITIVE_INFINITY, "timeout");
    checkWeight(weight);
    if (scope?.isAborted) throw scope.abortReason;
    if (this.#hub.isClosed) throw this.#hub.closedError();
    if (timeout > 0) return this.#hub.wait(weight, parent, scope, timeout);
    const permit = await this.#hub.tryEnter(weight, parent);
    if (permit === undefined) throw new DeadlineExceededError(`no permit of the semaphore "${this.name}" is free`);
    return permit;
  }
}
