import type { Clock } from "../../clock.ts";
import { Queue } from "../../concurrency/queue.ts";
import type { HeldLease } from "./semaphore-lease.ts";
import type { SemaphoreRequest } from "./semaphore-request.ts";

/** What of the hub is needed here. */
interface HandoverHost {
  readonly clock: Clock;
  readonly permits: number;
  readonly leases: ReadonlyMap<string, HeldLease>;
  readonly requests: ReadonlyMap<string, SemaphoreRequest>;
  readonly isListening: boolean;
  /** Of this process, at the server. */
  countQueued(): number;
  send(request: SemaphoreRequest, now: number): void;
  /** Gives the lease to a request of this process, without asking the server. */
  handOver(lease: HeldLease, request: SemaphoreRequest): void;
  /** Gives it back to the server. */
  giveBack(lease: HeldLease): Promise<void>;
}

/**
 * Permits that go from hand to hand in this process, a bounded number of times and for a bounded time, without asking the
 * server: to the next that waits here, or, kept for a moment, to the next that comes. Never past somebody of another
 * process who waits, from the moment that this one was told: then all goes through the server again.
 *
 * @internal
 */
export class LocalHandover {
  readonly times: number;
  readonly #ms: number;
  readonly #host: HandoverHost;
  /** Those who wait here, while this process holds all there is; the server does not know of them. */
  readonly #line = new Queue<SemaphoreRequest>();
  /** Leases that nobody uses. */
  readonly #kept: HeldLease[] = [];
  #cancelTimer: (() => void) | null = null;
  #isContended = false;
  /** When that was heard: only what was asked later can say that it is over. */
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(host: HandoverHost, times: number, ms: number) {
    this.#host = host;
    this.times = times;
    this.#ms = ms;
  }

  /** `true`: the request was served here, or waits here. */
  admits(request: SemaphoreRequest): boolean {
    const host = this.#host;
    if (this.#isContended) return false;
    if (this.#line.size === 0) {
      const lease = this.#kept.pop();
      if (lease !== undefined && lease.weight === request.weight && this.#mayPass(lease)) {
        host.handOver(lease, request);
        return true;
      }
      if (lease !== undefined) this.#giveBack([lease, ...this.#kept.splice(0)]);
      if (request.isTry || !this.#holdsAll(request.weight)) return false;
    } else if (request.isTry) return false;
    this.#line.push(request);
    request.waitHere(host.clock);
    return true;
  }

  /** `true`: what was given back goes on here. */
  takes(lease: HeldLease): boolean {
    const host = this.#host;
    if (this.#isContended || !host.isListening || !this.#mayPass(lease)) return false;
    // One of this process came before those who wait here.
    if (host.countQueued() > 0) return false;
    const next = this.#line.head;
    if (next === null) {
      this.#kept.push(lease);
      this.#cancelTimer ??= host.clock.setTimeout(() => this.#look(), this.#ms, false);
      return true;
    }
    if (next.weight !== lease.weight) return false;
    this.#line.remove(next);
    host.handOver(lease, next);
    return true;
  }

  /** `true` if it waited here. */
  forgets(request: SemaphoreRequest): boolean {
    if (!this.#line.has(request)) return false;
    this.#line.remove(request);
    return true;
  }

  /** Somebody of another process waits, or holds what this one waits for. */
  contended(): void {
    this.#isContended = true;
    this.#heardAt = this.#host.clock.now();
    this.close();
    const now = this.#heardAt;
    for (let next = this.#line.shift(); next !== null; next = this.#line.shift()) this.#host.send(next, now);
  }

  /** So many waited at the server when it was asked, which was at `sentAt` or later; `own` of them are of this process. */
  queued(count: number, own: number, sentAt: number): void {
    if (count > own) this.contended();
    else if (count === 0 && sentAt > this.#heardAt) this.#isContended = false;
  }

  /** Something was given back to the server, or lost: as many as fit into it ask for it. */
  pump(): void {
    for (let next = this.#line.head; next !== null && !this.#holdsAll(next.weight); next = this.#line.head) {
      this.#line.remove(next);
      this.#host.send(next, this.#host.clock.now());
    }
  }

  *waiting(): Iterable<SemaphoreRequest> {
    for (let each = this.#line.head; each !== null; each = each.after) yield each;
  }

  /** Keeps nothing any more. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#giveBack(this.#kept.splice(0));
  }

  #mayPass(lease: HeldLease): boolean {
    const now = this.#host.clock.now();
    if (this.#host.leases.get(lease.id) !== lease || lease.passes >= this.times) return false;
    return now < lease.since + this.#ms && now < lease.validUntil;
  }

  /** Also with what is asked for, there is no room for so much more. */
  #holdsAll(weight: number): boolean {
    const { leases, requests, permits } = this.#host;
    let all = weight;
    for (const each of leases.values()) all += each.weight;
    for (const each of requests.values()) all += each.weight;
    return all > permits;
  }

  #look(): void {
    this.#cancelTimer = null;
    const isOver = (lease: HeldLease): boolean => !this.#mayPass(lease);
    const over = this.#kept.filter(isOver);
    const left = this.#kept.filter((lease) => !isOver(lease));
    this.#kept.splice(0, this.#kept.length, ...left);
    this.#giveBack(over);
    if (left.length === 0) return;
    const first = Math.min(...left.map(({ since }) => since)) + this.#ms - this.#host.clock.now();
    this.#cancelTimer = this.#host.clock.setTimeout(() => this.#look(), Math.max(1, first), false);
  }

  #giveBack(leases: readonly HeldLease[]): void {
    for (const lease of leases) this.#host.giveBack(lease).catch(() => {});
  }
}
