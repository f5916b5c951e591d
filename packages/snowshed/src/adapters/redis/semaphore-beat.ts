import type { Clock } from "../../clock.ts";
import type { RedisPort } from "./port.ts";
import type { HeldLease } from "./semaphore-lease.ts";
import type { Status } from "./semaphore-protocol.ts";
import type { SemaphoreRequest } from "./semaphore-request.ts";

/** What of the hub is needed here. */
interface BeatHost {
  readonly clock: Clock;
  readonly channel: string;
  readonly lease: number;
  readonly leases: ReadonlyMap<string, HeldLease>;
  readonly requests: ReadonlyMap<string, SemaphoreRequest>;
  command(args: readonly (string | number)[]): Promise<unknown>;
  beatOf(operation: "b" | "p", held: readonly string[], waiting: readonly SemaphoreRequest[]): (string | number)[];
  giveUp(request: SemaphoreRequest, error: unknown): void;
  heard(message: string): void;
}

/** So many leases and waiters in one script: Redis does nothing else while it runs. */
const batch = 500;
/** Between attempts while the server cannot be asked, in milliseconds. */
const pause = 250;
/** Who holds for so long, in milliseconds, listens for what becomes of it: to subscribe for less would cost more than it brings. */
const patience = 1000;

/**
 * What happens by itself, all of it for a whole process: each third of a lease one command renews what is held, and asks
 * what became of those who wait, which makes good messages that were lost. Who waits, or holds for a second, gets those
 * messages. A timer each for the lease that ends here
 * first, and, while the first in the queue is one of ours, for the one that ends there.
 *
 * @internal
 */
export class SemaphoreBeat {
  /** The messages for this process arrive. */
  isListening = false;
  /** Why the latest attempt failed. */
  error: unknown = undefined;
  readonly #hub: BeatHost;
  readonly #port: RedisPort;
  readonly #commandTimeout: number;
  #isClosed = false;
  #cancelBeat: (() => void) | null = null;
  #cancelListen: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;
  #watchedUntil = 0;
  #cancelEnd: (() => void) | null = null;
  #failingSince: number | null = null;
  #claims: string[] = [];
  #cancelClaim: (() => void) | null = null;
  #claimAt = 0;
  #subscription: Promise<(() => Promise<void>) | null> | null = null;

  constructor(hub: BeatHost, port: RedisPort, commandTimeout: number) {
    this.#hub = hub;
    this.#port = port;
    this.#commandTimeout = commandTimeout;
  }

  /** From now on there is something to do. */
  start(hasWaiters: boolean): void {
    if (hasWaiters) this.#subscribe();
    else if (this.#subscription === null) this.#cancelListen ??= this.#listenLater();
    this.#cancelBeat ??= this.#later(this.#hub.lease / 3);
  }

  /** A lease ends at `until` unless it is renewed. */
  watch(until: number): void {
    if (this.#cancelWatch !== null && this.#watchedUntil <= until) return;
    this.#cancelWatch?.();
    this.#watchedUntil = until;
    const { clock } = this.#hub;
    this.#cancelWatch = clock.setTimeout(() => this.#look(), Math.max(0, until - clock.now()), false);
  }

  /** Says to the server that what a message granted was received, if it is held for longer than `ms`. */
  claim(id: string, ms: number): void {
    // All that come in that time with one command, which goes when the first of them has to.
    this.#claims.push(id);
    const { clock } = this.#hub;
    const at = clock.now() + ms;
    if (this.#cancelClaim !== null && this.#claimAt <= at) return;
    this.#cancelClaim?.();
    this.#claimAt = at;
    this.#cancelClaim = clock.setTimeout(() => this.#claim(), ms, false);
  }

  /** The server can hand on what ends only when it is asked: by the process whose turn it is. */
  expectEnd({ wait, isFirst }: Status): void {
    this.#cancelEnd?.();
    this.#cancelEnd = null;
    if (!isFirst || wait < 0 || this.#isClosed) return;
    this.#cancelEnd = this.#hub.clock.setTimeout(
      () => {
        this.#cancelEnd = null;
        this.#send("p", [], []).catch(() => {});
      },
      wait + 1,
      false,
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelBeat?.();
    this.#cancelListen?.();
    this.#cancelWatch?.();
    this.#cancelEnd?.();
    this.#cancelClaim?.();
    this.#cancelBeat = this.#cancelWatch = this.#cancelEnd = null;
    const stop = await this.#subscription;
    await stop?.();
  }

  #later(ms: number): () => void {
    return this.#hub.clock.setTimeout(
      () => {
        void this.#beat();
      },
      ms,
      false,
    );
  }

  /** That somebody took a permit from its holder is told to the process at once, if it listens. */
  #listenLater(): () => void {
    return this.#hub.clock.setTimeout(
      () => {
        this.#cancelListen = null;
        if (this.#hub.leases.size > 0) this.#subscribe();
      },
      patience,
      false,
    );
  }

  async #beat(): Promise<void> {
    const { leases, clock, lease } = this.#hub;
    const waiting = this.#waiting();
    if (this.#isClosed || (leases.size === 0 && waiting.length === 0)) {
      this.#cancelBeat = null;
      return;
    }
    this.#subscribe();
    const startedAt = clock.now();
    const held = [...leases.keys()];
    try {
      for (let from = 0; from < held.length || from < waiting.length; from += batch) {
        await this.#send("b", held.slice(from, from + batch), waiting.slice(from, from + batch));
      }
      this.#failingSince = null;
      this.error = undefined;
    } catch (error) {
      this.error = error;
      this.#failingSince ??= startedAt;
      if (clock.now() - this.#failingSince >= this.#commandTimeout) {
        for (const request of this.#waiting()) this.#hub.giveUp(request, error);
      }
    }
    if (this.#isClosed) return;
    const next = this.#failingSince === null ? lease / 3 : Math.min(pause, lease / 3);
    this.#cancelBeat = this.#later(Math.max(0, startedAt + next - clock.now()));
  }

  async #send(operation: "b" | "p", held: readonly string[], waiting: readonly SemaphoreRequest[]): Promise<void> {
    const hub = this.#hub;
    const at = hub.clock.now();
    const date = hub.clock.date();
    await hub.command(hub.beatOf(operation, held, waiting));
    // Those that were lost are in the map no more.
    for (const id of held) hub.leases.get(id)?.extend(at, date, hub.lease);
  }

  #claim(): void {
    this.#cancelClaim = null;
    const ids = this.#claims.filter((id) => this.#hub.leases.has(id));
    this.#claims = [];
    if (ids.length === 0) return;
    this.#send("p", ids, []).catch((error: unknown) => {
      this.error = error;
    });
  }

  #waiting(): SemaphoreRequest[] {
    return [...this.#hub.requests.values()].filter(({ isQueued }) => isQueued);
  }

  #look(): void {
    this.#cancelWatch = null;
    const { leases } = this.#hub;
    let first = Number.POSITIVE_INFINITY;
    for (const lease of leases.values()) {
      lease.check();
      if (lease.lost === null) first = Math.min(first, lease.validUntil);
    }
    if (first !== Number.POSITIVE_INFINITY) this.watch(first);
  }

  #subscribe(): void {
    if (this.#subscription !== null || this.#isClosed) return;
    const hub = this.#hub;
    // What was said before is made good at once.
    const catchUp = (): void => {
      const waiting = this.#waiting();
      if (waiting.length > 0) this.#send("p", [], waiting.slice(0, batch)).catch(() => {});
    };
    this.#subscription = this.#port
      .subscribe(hub.channel, (message) => hub.heard(message), catchUp)
      .then(
        (stop) => {
          this.isListening = true;
          catchUp();
          return stop;
        },
        () => {
          // The beats serve those who wait, if later; the next one tries again.
          this.#subscription = null;
          return null;
        },
      );
  }
}
