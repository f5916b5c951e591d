import { scopeOf } from "../../concurrency/abort.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { toMilliseconds } from "../../duration.ts";
import { invalidArgument, SnowshedError } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { EtcdLeader } from "./election-observer.ts";
import { leaderOf, observeLeaders } from "./election-observer.ts";
import { EtcdClient } from "./etcd-client.ts";
import { range } from "./etcd-messages.ts";
import { SemaphoreHub } from "./semaphore-hub.ts";
import { checkLease, checkText, defaultOwner, isText, keysOf } from "./semaphore-options.ts";
import type { EtcdPermit } from "./semaphore-place.ts";
import { SemaphoreRequests } from "./semaphore-requests.ts";
import { SemaphoreView } from "./semaphore-view.ts";

export interface EtcdElectionOptions {
  /** For how long a leader that has gone is still the leader: at least 2 s, in whole seconds. Default: 10 s. */
  readonly lease?: Duration | undefined;
  /** What the keys begin with, before a slash and the name. Default: `"snowshed/election"`. */
  readonly prefix?: string | undefined;
  /** Who it is, for people. Default: the name of the machine and the number of the process. */
  readonly owner?: string | undefined;
}

export interface EtcdCampaignOptions {
  /** Gives up when it aborts. */
  readonly signal?: AbortSignal | Context | undefined;
  /** Gives up with `DeadlineExceededError` after so long. Default: none. */
  readonly timeout?: Duration | undefined;
}

/** That this process leads, until it resigns or its lease is lost. */
export interface EtcdLeadership extends AsyncDisposable {
  /** Aborts before another one can be elected; its `cause` has the code `SNOWSHED_LEASE_LOST` then. */
  readonly context: Context;
  /** Of slot 0. Its token grows with each leadership. */
  readonly fence: Fence;
  /** Changes what the leader says. Rejects with `SNOWSHED_LEASE_LOST` if it is one no more. */
  proclaim(value: string): Promise<void>;
  /** Ends it; only the first call counts. Resolves and rejects as `release()` of a permit does. */
  resign(): Promise<void>;
}

/** Slots are numbered from 0; an election has one. */
const onePermit = { permits: 1, version: 0 };

/**
 * One of several processes leads, by etcd. At most one live lease is the leader's, and who came first is elected next.
 *
 * A leader that is stopped for longer than its lease still believes to be one until it goes on, while another is elected.
 * Then its `context` is aborted; give the `fence` along with all that a leader orders, and let who carries it out refuse
 * what has a smaller token than it has seen.
 *
 * An `EtcdElection` that is used keeps the process running until it is closed.
 *
 * @example
 * ```ts no-run
 * import { EtcdClient, EtcdElection } from "snowshed/etcd";
 *
 * await using client = new EtcdClient({ endpoints: "127.0.0.1:2379" });
 * await using election = new EtcdElection(client, "scheduler");
 * await using leadership = await election.campaign("10.0.0.7:8080");
 * while (!leadership.context.aborted) {
 *   console.log(`leading with token ${leadership.fence.token}`);
 *   await leadership.context.sleep("10s").catch(() => {});
 * }
 * ```
 */
export class EtcdElection implements AsyncDisposable {
  readonly name: string;
  readonly #client: EtcdClient;
  readonly #requests: SemaphoreRequests;
  readonly #hub: SemaphoreHub;

  constructor(client: EtcdClient, name: string, options: EtcdElectionOptions = {}) {
    if (!(client instanceof EtcdClient)) throw invalidArgument(TypeError, "client", "an EtcdClient", client);
    const { prefix = "snowshed/election", owner = defaultOwner() } = options;
    const keys = keysOf(prefix, name);
    const ttl = checkLease(options.lease);
    checkText(owner, "owner");
    this.name = name;
    this.#client = client;
    this.#requests = new SemaphoreRequests(keys);
    const label = `the election "${name}"`;
    const requests = this.#requests;
    this.#hub = new SemaphoreHub({ client, requests, permits: onePermit, ttl, owner, resource: this, label });
    hooks?.resourceCreated(this, "semaphore", name, 1);
  }

  /**
   * Resolves when this process leads. `value` is what `leader()` then says of it: an address, a name.
   *
   * Rejects, and is a candidate no more: with the cancellation when `signal` aborts, with `DeadlineExceededError` after
   * `timeout`, with `SNOWSHED_BACKEND_UNAVAILABLE` when etcd cannot be reached for as long as the `timeout` of the client,
   * with `FatalError` when it refuses, and with `CanceledError` when the election is closed.
   */
  async campaign(value: string, options: EtcdCampaignOptions = {}): Promise<EtcdLeadership> {
    checkValue(value);
    const scope = scopeOf(options.signal);
    const timeout = toMilliseconds(options.timeout ?? Number.POSITIVE_INFINITY, "timeout");
    if (scope?.isAborted) throw scope.abortReason;
    if (this.#hub.isClosed) throw this.#hub.closedError();
    const parent = contextOf(undefined, this.#client.connection.clock);
    const permit = await this.#hub.wait(1, parent, scope, Math.max(1, timeout), value);
    return new Leadership(this.#hub, permit);
  }

  /** Who leads now, by what most members of the cluster agree on; `undefined`: nobody does. */
  async leader(): Promise<EtcdLeader | undefined> {
    const { answer } = await this.#client.connection.call(range, this.#requests.everything);
    const view = new SemaphoreView(this.#requests.prefix);
    view.adopt(answer.kvs, answer.header!.revision);
    return leaderOf(view);
  }

  /**
   * Who leads, now and whenever that or its value changes; `undefined`: nobody does. Who is slow gets the latest, and not
   * all that were before it. What it gives may be past: an observer that is cut off hears of nothing.
   *
   * Ends with the loop, or rejects: with the cancellation when `signal` aborts, with `SNOWSHED_BACKEND_UNAVAILABLE` when
   * etcd cannot be reached for as long as the `timeout` of the client, with `FatalError` when it refuses.
   */
  observe(
    options: { readonly signal?: AbortSignal | Context | undefined } = {},
  ): AsyncGenerator<EtcdLeader | undefined, void, undefined> {
    const context = contextOf(options.signal, this.#client.connection.clock);
    return observeLeaders(this.#client.connection, this.#requests.prefix, context);
  }

  /** Refuses all that campaign and all that come, and resigns. The client stays open. */
  async close(): Promise<void> {
    await this.#hub.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class Leadership implements EtcdLeadership {
  readonly context: Context;
  readonly fence: Fence;
  readonly #hub: SemaphoreHub;
  readonly #permit: EtcdPermit;

  constructor(hub: SemaphoreHub, permit: EtcdPermit) {
    this.#hub = hub;
    this.#permit = permit;
    this.context = permit.context;
    this.fence = permit.fence;
  }

  async proclaim(value: string): Promise<void> {
    checkValue(value);
    const { aborted, cause } = this.context;
    if (aborted) {
      if (cause instanceof SnowshedError && cause.code === "SNOWSHED_LEASE_LOST") throw cause;
      throw new SnowshedError("SNOWSHED_LEASE_LOST", "etcd: it has resigned");
    }
    await this.#hub.propose(this.#permit, value);
  }

  resign(): Promise<void> {
    return this.#permit.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}

function checkValue(value: unknown): void {
  if (!isText(value)) throw invalidArgument(TypeError, "value", "text", value);
}
