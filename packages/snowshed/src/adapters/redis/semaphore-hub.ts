import { randomBytes } from "node:crypto";
import type { Clock } from "../../clock.ts";
import type { AbortScope } from "../../concurrency/abort.ts";
import type { Context } from "../../concurrency/context.ts";
import { DeadlineExceededError } from "../../errors.ts";
import { hooks } from "../../hooks.ts";
import type { CancelableWaiter, WaitHost } from "../../overload/cancelable-waiter.ts";
import { LocalHandover } from "./semaphore-handover.ts";
import type { RedisPort } from "./port.ts";
import { SemaphoreBeat } from "./semaphore-beat.ts";
import { SemaphoreCommands } from "./semaphore-commands.ts";
import type { LeaseOwner, Token } from "./semaphore-lease.ts";
import { HeldLease } from "./semaphore-lease.ts";
import type { SemaphorePlan } from "./semaphore-options.ts";
import type { Reply } from "./semaphore-protocol.ts";
import { replyOf } from "./semaphore-protocol.ts";
import type { ReplicaCheck } from "./semaphore-replicas.ts";
import { SemaphoreRequest } from "./semaphore-request.ts";

/**
 * All that one process holds of a semaphore and waits for: however many objects and callers there are, it is one
 * subscription, one beat, and one set of timers.
 *
 * @internal
 */
export class SemaphoreHub implements WaitHost {
  readonly clock: Clock;
  readonly key: string;
  readonly lease: number;
  readonly leases: Map<string, HeldLease> = new Map();
  /** Who was not answered yet, and who is queued. */
  readonly requests: Map<string, SemaphoreRequest> = new Map();
  permits: number;
  version: number;
  /** How many objects use it. */
  users = 0;
  /** What the ids of this process begin with. */
  readonly process: string = randomBytes(9).toString("base64url");
  readonly keys: readonly string[];
  /** On which this process is told what concerns it. */
  readonly channel: string;
  readonly #name: string;
  readonly commands: SemaphoreCommands;
  readonly #publish: string;
  /** What it says of itself with each request. */
  #planText: string;
  readonly #suffix: string;
  readonly #handover: LocalHandover | null;
  /** Somebody waited when the server was last heard of it. */
  #someWait = false;
  readonly #beat: SemaphoreBeat;
  #count = 0;
  /** A moment, and what the server's clock said after it. */
  #sample: { readonly sentAt: number; readonly now: number } | null = null;

  constructor(port: RedisPort, plan: SemaphorePlan) {
    const { key, lease, clock, permits, version, owner, commandTimeout } = plan;
    this.#name = plan.name;
    this.clock = clock;
    this.key = key;
    this.lease = lease;
    this.permits = permits;
    this.version = version;
    this.keys = [key, `${key}:q`, `${key}:p`];
    this.channel = `${key}:n:${this.process}`;
    this.#publish = `${port.isSharded ? "SPUBLISH" : "PUBLISH"} ${key}:n:`;
    this.#planText = `${permits} ${version} ${this.lease} ${this.#publish}`;
    const { localHandover } = plan;
    this.#suffix = ` ${lease} ${localHandover === null ? "-" : `h${localHandover.times}`} ${owner}`;
    this.#handover = localHandover === null ? null : new LocalHandover(this, localHandover.times, localHandover.ms);
    this.commands = new SemaphoreCommands(port, plan.name, this.keys, commandTimeout, clock);
    this.#beat = new SemaphoreBeat(this, port, commandTimeout);
  }

  /** `undefined` when it was only a try. */
  acquire(
    holder: LeaseOwner,
    weight: number,
    isTry: boolean,
    scope: AbortScope | null,
    timeout: number,
    parent: Context,
    replicas: ReplicaCheck | null,
  ): Promise<HeldLease | undefined> {
    return new Promise((resolve, reject) => {
      const now = this.clock.now();
      const id = this.process + (this.#count++).toString(36).padStart(8, "0");
      const rest = weight + this.#suffix;
      const request = new SemaphoreRequest(
        this,
        now,
        scope !== null,
        resolve,
        reject,
        id,
        weight,
        rest,
        isTry,
        timeout,
        holder,
        parent,
        replicas,
      );
      scope?.link(request);
      if (this.#handover?.admits(request) !== true) this.send(request, now);
    });
  }

  /** Asks the server, also for one that it does not know any more. */
  send(request: SemaphoreRequest, now: number): void {
    const { id, rest, isTry, since } = request;
    request.sentAt = now;
    request.sentDate = this.clock.date();
    request.isQueued = false;
    this.requests.set(id, request);
    const left = since + request.timeout - now;
    request.cancelTimer?.();
    request.cancelTimer = null;
    if (left < this.commands.bounds.ms && !isTry)
      request.cancelTimer = this.clock.setTimeout(() => this.timedOut(request), left);
    else request.expireWith(this.commands.bounds, now);
    const entry = `\n${id} `;
    this.commands.run(isTry ? [entry, rest, this.#planText, "t"] : [entry, rest, this.#planText]).then(
      (reply) => this.#answered(request, replyOf(reply)),
      (error: unknown) => {
        // It may have been done, and only the answer is missing.
        if (this.requests.get(id) === request) this.giveUp(request, this.commands.unavailable(error));
      },
    );
  }

  /** Resolves when the server knows, or when it is no business of the server. */
  release(lease: HeldLease): Promise<void> {
    if (this.leases.get(lease.id) !== lease || this.#handover?.takes(lease) !== true) return this.giveBack(lease);
    // It is in the map still: renewed for the next one.
    hooks?.released(lease.holder, lease.weight);
    lease.holder.ended(lease.weight);
    lease.isIdle = true;
    return Promise.resolve();
  }

  handOver(lease: HeldLease, request: SemaphoreRequest): void {
    const next = lease.passedTo(request.holder, request.parent);
    this.leases.set(next.id, next);
    this.#began(request, next);
    request.admit();
  }

  giveBack(lease: HeldLease): Promise<void> {
    const wasHeld = this.#drop(lease);
    const ended = (): void => {
      if (wasHeld) lease.holder.ended(lease.weight);
    };
    const ask = (): Promise<Reply> => this.#ask(["r", lease.id, "", this.process, this.#publish]);
    const done = this.commands.giveBack(lease.isGone ? null : lease.id, this.#someWait, ask, ended);
    this.#handover?.pump();
    return done;
  }

  /** A lease whose time is over by the clock of this process; what the server thinks does not matter. */
  overdue(lease: HeldLease): void {
    this.lose(lease, "could not be renewed in time", this.#beat.error);
  }

  lose(lease: HeldLease, why: string, cause?: unknown): void {
    if (!this.#drop(lease)) return;
    lease.lose(why, cause);
    lease.holder.ended(lease.weight);
    this.#handover?.pump();
  }

  /** The messages for this process arrive. */
  get isListening(): boolean {
    return this.#beat.isListening;
  }

  countQueued(): number {
    let count = 0;
    for (const { isQueued } of this.requests.values()) if (isQueued) count++;
    return count;
  }

  async resize(permits: number): Promise<void> {
    await this.command(["c", this.process, permits, this.version, this.#publish]);
  }

  /** Of a holder of any process. */
  async releaseHolder(id: string): Promise<boolean> {
    const { isReleased } = await this.command(["k", id, "", this.process, this.#publish]);
    return isReleased;
  }

  /** Runs a command that is answered in time, or rejects; what its reply tells is done by then. */
  command(args: readonly (string | number)[], port?: RedisPort): Promise<Reply> {
    return this.commands.bounded(this.#ask(args, port));
  }

  #ask(args: readonly (string | number)[], port?: RedisPort): Promise<Reply> {
    const sentAt = this.clock.now();
    const date = this.clock.date();
    return this.commands.run(args, port).then((text) => {
      const reply = replyOf(text);
      this.absorb(reply, sentAt, date);
      return reply;
    });
  }

  /** The arguments of a beat: which leases it renews, and which waiters it asks for. */
  beatOf(operation: "b" | "p", held: readonly string[], waiting: readonly SemaphoreRequest[]): (string | number)[] {
    const own = [operation, this.process, this.lease, this.permits, this.version, this.#publish, held.length];
    return [...own, ...held, ...waiting.map(({ id, rest }) => `${id} ${rest}`)];
  }

  /** What a reply says besides its answer. */
  absorb({ kind, status, told }: Reply, sentAt: number, date: number): void {
    const own = kind === "Q" ? 1 : 0;
    if (status === null && kind === "G") {
      this.#someWait = false;
      this.#handover?.queued(0, 0, sentAt);
    } else if (status !== null) {
      this.#someWait = status.queued > 0;
      this.#handover?.queued(status.queued, this.countQueued() + own, sentAt);
      this.#sample = { sentAt, now: status.now };
      this.#beat.expectEnd(status);
      this.learn(status.permits, status.version);
    }
    for (const line of told) this.#told(line, sentAt, date);
  }

  /** Of a message: one or several lines. */
  heard(message: string): void {
    for (const line of message.split("\n")) this.#told(line, null, this.clock.date());
  }

  /** Of a waiter that is canceled or refused: it is not held or waited for any more, here and then there. */
  giveUp(waiter: CancelableWaiter, error: unknown): void {
    const request = waiter as SemaphoreRequest;
    const { lease } = request;
    const isLocal = this.#handover?.forgets(request) === true;
    this.requests.delete(request.id);
    if (request.isQueued) hooks?.unblocked(request.holder, request, false);
    request.refuse(error);
    if (lease !== null) lease.release().catch(() => {});
    else if (!isLocal) this.#forget(request.id, request.rest);
    this.#handover?.pump();
  }

  /** Of a waiter that was granted its permit and canceled in the same tick. */
  callOff(waiter: CancelableWaiter): void {
    (waiter as SemaphoreRequest).lease?.release().catch(() => {});
  }

  /** Of one object that is closed. */
  giveUpAll(holder: LeaseOwner, error: unknown): void {
    this.#handover?.close();
    for (const request of this.requestsOf(holder)) this.giveUp(request, error);
  }

  /** What one object has asked for and not got, of the server or of another holder in this process. */
  requestsOf(holder: LeaseOwner): SemaphoreRequest[] {
    const all = [...this.requests.values(), ...(this.#handover?.waiting() ?? [])];
    return all.filter((request) => request.holder === holder);
  }

  timedOut(request: SemaphoreRequest): void {
    const { timeout, weight } = request;
    if (!request.isQueued) return this.giveUp(request, this.commands.unavailable());
    this.giveUp(request, new DeadlineExceededError(`waited ${timeout} ms for ${weight} of "${this.#name}"`));
  }

  close(): Promise<void> {
    this.#handover?.close();
    return this.#beat.close();
  }

  #answered(request: SemaphoreRequest, reply: Reply): void {
    const { id, sentAt, sentDate, weight } = request;
    const isWanted = this.requests.get(id) === request;
    this.absorb(reply, sentAt, sentDate);
    if (!isWanted) {
      // It was given up, and that may have come to the server first.
      if (request.isOver && (reply.kind === "G" || reply.kind === "Q")) this.#forget(id, request.rest);
      return;
    }
    if (this.requests.get(id) !== request) return;
    if (reply.kind === "G") return this.#granted(request, reply.slots, reply.token, sentAt, sentDate, this.lease);
    if (reply.kind === "Q") {
      request.isQueued = true;
      request.answered();
      hooks?.blocked(request.holder, weight, request);
      if (request.cancelTimer === null && request.timeout !== Number.POSITIVE_INFINITY) {
        const left = request.since + request.timeout - this.clock.now();
        request.cancelTimer = this.clock.setTimeout(() => this.timedOut(request), left);
      }
      return this.#beat.start(true);
    }
    this.requests.delete(id);
    if (reply.kind === "F") request.refuse(this.commands.neverFits(weight, this.permits));
    else if (reply.kind !== "N") request.refuse(this.commands.unavailable(new Error("an answer of something else")));
    // Without a permit, which says that there is none.
    else if (request.timeout > 0) request.admit();
    else request.refuse(new DeadlineExceededError(`${weight} of "${this.#name}" are not free`));
  }

  #granted(request: SemaphoreRequest, slots: string, token: Token, at: number, date: number, ms: number): void {
    const { id, holder, weight, parent, replicas } = request;
    const lease = new HeldLease(this, holder, id, weight, slots, token, parent);
    lease.extend(at, date, ms);
    lease.since = at;
    this.requests.delete(id);
    this.leases.set(id, lease);
    this.#began(request, lease);
    this.#beat.start(this.#handover !== null);
    this.#beat.watch(lease.validUntil);
    if (replicas === null) return request.admit();
    request.isQueued = false;
    request.answered();
    replicas.confirm(this, lease).then(
      () => {
        if (!request.isOver) request.admit();
      },
      (error: unknown) => {
        if (!request.isOver) this.giveUp(request, error);
      },
    );
  }

  #began(request: SemaphoreRequest, lease: HeldLease): void {
    const { holder, weight } = request;
    request.lease = lease;
    holder.began(weight);
    if (hooks === null) return;
    if (request.isQueued) hooks.unblocked(holder, request, true);
    hooks?.acquired(holder, weight);
  }

  /** `sentAt`: of the command that this came in the reply of; `null` for a message. */
  #told(line: string, sentAt: number | null, date: number): void {
    if (line === "w") return this.#handover?.contended();
    const [kind, id = "", first = "", token = "", expiry = "", ms = ""] = line.split(" ");
    if (kind === "l") {
      const lease = this.leases.get(id);
      if (lease === undefined) return;
      lease.isGone = true;
      return this.lose(lease, "was taken back by the server");
    }
    const request = this.requests.get(id);
    if (request === undefined) {
      // Nobody wants it any more. (A lease that is held is told of twice when a beat crosses a message.)
      if (kind === "g" && !this.leases.has(id)) this.#forget(id, "");
    } else if (kind === "g") {
      const term = Number(ms);
      if (sentAt !== null) return this.#granted(request, first, token, sentAt, date, term);
      // When it was granted is not known here: certainly after the request was sent, and by the clocks of both it is known
      // better. Never later than now.
      const now = this.clock.now();
      const sample = this.#sample;
      const known = sample === null ? request.sentAt : sample.sentAt + Number(expiry) - term - sample.now;
      const at = Math.min(now, Math.max(request.sentAt, known));
      this.#granted(request, first, token, at, date, term);
      this.#someWait = true;
      // Whether more wait, the answer to the claim says.
      this.#handover?.contended();
      this.#beat.claim(id, this.#handover === null ? Math.max(0, at + term - now) / 8 : 0);
    } else if (kind === "x") {
      hooks?.unblocked(request.holder, request, false);
      this.send(request, this.clock.now());
    } else if (kind === "f") {
      this.requests.delete(id);
      request.refuse(this.commands.neverFits(request.weight, this.permits));
    }
  }

  learn(permits: number, version: number): void {
    if (version < this.version || (version === this.version && permits === this.permits)) return;
    this.permits = permits;
    this.version = version;
    this.#planText = `${permits} ${version} ${this.lease} ${this.#publish}`;
    for (const request of this.requests.values()) {
      if (request.isQueued && request.weight > permits)
        this.giveUp(request, this.commands.neverFits(request.weight, this.permits));
    }
  }

  /** `false` if it is held no more. */
  #drop(lease: HeldLease): boolean {
    if (this.leases.get(lease.id) !== lease) return false;
    this.leases.delete(lease.id);
    if (lease.isIdle) return false;
    hooks?.released(lease.holder, lease.weight);
    return true;
  }

  /** Tells the server. If that fails, its lease ends, or its turn passes, since nobody claims it. */
  #forget(id: string, rest: string): void {
    this.command(["r", id, rest, this.process, this.#publish]).catch(() => {});
  }
}
