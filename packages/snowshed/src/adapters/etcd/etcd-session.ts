import { SnowshedError } from "../../errors.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { closedError } from "./etcd-failures.ts";
import { leaseGrant, leaseKeepAlive, leaseRevoke } from "./etcd-messages.ts";

/** How much faster than ours the server's clock may run, and what its own work may take, in milliseconds. */
const drift = 0.01;
const margin = 100;

/** After a keep-alive that got no answer, in milliseconds. */
const retryPause = 200;

/**
 * A lease, kept alive until it is ended. By this process's monotonic clock it is over before the server can end it: its
 * time counts from the moment at which the request was sent that the server answered.
 *
 * @internal
 */
export class EtcdSession {
  readonly lease: bigint;
  /** The lease in hexadecimal digits, as etcd's own tools write it. */
  readonly id: string;
  /** Whole seconds. */
  readonly #ttl: number;
  readonly #connection: EtcdConnection;
  readonly #listeners = new Set<(error: SnowshedError) => void>();
  /** By the monotonic clock, and by the date, which goes on while a machine sleeps: the earlier counts. */
  #validUntil = 0;
  #validDate = 0;
  #isOver = false;
  #isBeating = false;
  #lastFailure: unknown = undefined;
  #cancelBeat: (() => void) | null = null;
  #cancelExpiry: (() => void) | null = null;

  private constructor(connection: EtcdConnection, lease: bigint, ttl: number, sentAt: number) {
    this.#connection = connection;
    this.lease = lease;
    this.id = lease.toString(16);
    this.#ttl = ttl;
    this.#extend(sentAt);
    this.#beatIn(this.#interval);
  }

  /** A new one, of `ttl` seconds or what the server makes of it. */
  static async grant(connection: EtcdConnection, ttl: number): Promise<EtcdSession> {
    const { answer, sentAt } = await connection.call(leaseGrant, { ttl: BigInt(ttl) });
    return new EtcdSession(connection, answer.id, Number(answer.ttl), sentAt);
  }

  /** Looks at the clock: a timer alone comes late in a process that was stopped for a while. */
  get isLive(): boolean {
    const { clock } = this.#connection;
    if (!this.#isOver && (clock.now() >= this.#validUntil || clock.date() >= this.#validDate)) {
      this.lose("no keep-alive was answered in time", this.#lastFailure);
    }
    return !this.#isOver;
  }

  /** Calls back when it is over, by whatever cause. */
  onOver(listener: (error: SnowshedError) => void): void {
    this.#listeners.add(listener);
  }

  /** Asks the server now whether it is still there. */
  ask(): void {
    if (!this.#isOver && !this.#isBeating) this.#beatIn(0);
  }

  lose(why: string, cause?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelBeat?.();
    this.#cancelExpiry?.();
    const options = cause === undefined ? undefined : { cause };
    const error = new SnowshedError("SNOWSHED_LEASE_LOST", `etcd: the lease ${this.id} is lost: ${why}`, options);
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
  }

  /** Gives the lease back, with all its keys. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.lose("it was given back");
    // The keep-alives have ended: if this fails, the server ends it by itself.
    await this.#connection.call(leaseRevoke, { id: this.lease }).catch(() => {});
  }

  get #interval(): number {
    return (this.#ttl * 1000) / 3;
  }

  #extend(sentAt: number): void {
    const { clock } = this.#connection;
    const now = clock.now();
    this.#validUntil = sentAt + this.#ttl * 1000 * (1 - drift) - margin;
    this.#validDate = clock.date() - (now - sentAt) + this.#ttl * 1000;
    this.#cancelExpiry?.();
    this.#cancelExpiry = clock.setTimeout(() => void this.isLive, this.#validUntil - now, false);
  }

  #beatIn(ms: number): void {
    this.#cancelBeat?.();
    this.#cancelBeat = this.#connection.clock.setTimeout(() => void this.#beat(), ms, false);
  }

  async #beat(): Promise<void> {
    if (!this.isLive) return;
    this.#isBeating = true;
    let next = this.#interval;
    try {
      const { timeout } = this.#connection;
      const bound = Math.min(timeout, this.#interval);
      const { answer, sentAt } = await this.#connection.call(leaseKeepAlive, { id: this.lease }, bound);
      if (answer.ttl <= 0n) this.lose("it has expired on the server, or was revoked");
      else if (!this.#isOver) this.#extend(sentAt);
    } catch (error) {
      this.#lastFailure = error;
      next = Math.min(next, retryPause);
    } finally {
      this.#isBeating = false;
    }
    if (this.isLive) this.#beatIn(next);
  }
}

/** The leases of one client: one for each length that is used. @internal */
export class EtcdSessions {
  readonly #connection: EtcdConnection;
  readonly #live = new Map<number, Promise<EtcdSession>>();
  readonly #users = new Map<number, Set<object>>();
  #tags = 0;
  #isClosed = false;

  constructor(connection: EtcdConnection) {
    this.#connection = connection;
  }

  /** What tells the keys of one user of a lease from those of another. */
  nextTag(): string {
    return (this.#tags++).toString(36);
  }

  /** The lease of `ttl` seconds, kept until its last user leaves. */
  join(user: object, ttl: number): Promise<EtcdSession> {
    if (this.#isClosed) return Promise.reject(closedError());
    const users = this.#users.get(ttl) ?? new Set();
    this.#users.set(ttl, users.add(user));
    const live = this.#live.get(ttl);
    if (live !== undefined) return live;
    const granted = EtcdSession.grant(this.#connection, ttl);
    this.#live.set(ttl, granted);
    const forget = (): void => {
      if (this.#live.get(ttl) === granted) this.#live.delete(ttl);
    };
    granted.then((session) => {
      if (this.#users.has(ttl)) session.onOver(forget);
      else void session.end();
    }, forget);
    return granted;
  }

  async leave(user: object, ttl: number): Promise<void> {
    const users = this.#users.get(ttl);
    if (users?.delete(user) !== true || users.size > 0) return;
    await this.#end(ttl);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#live.keys()].map((ttl) => this.#end(ttl)));
  }

  async #end(ttl: number): Promise<void> {
    this.#users.delete(ttl);
    const live = this.#live.get(ttl);
    this.#live.delete(ttl);
    const session = await live?.catch(() => null);
    await session?.end();
  }
}
