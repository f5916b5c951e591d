import { randomUUID } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import { abortable } from "../../concurrency/abortable.ts";
import { contextOf } from "../../concurrency/child-context.ts";
import type { Context } from "../../concurrency/context.ts";
import type {
  Deduplicated,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "../../delivery/deduplication-store.ts";
import { checkIdentity, storedKey } from "../../delivery/stored-identity.ts";
import type { Duration } from "../../duration.ts";
import { finite, toMillisecondsInRange } from "../../duration.ts";
import { checkFunction, SnowshedError } from "../../errors.ts";
import { DeduplicationClaim } from "./deduplication-claim.ts";
import type { ClaimAnswer, ClaimSettings } from "./deduplication-claim.ts";
import { RedisCommands } from "./redis-commands.ts";
import { unavailable } from "./redis-failures.ts";
import type { RedisLike } from "./redis-like.ts";
import { checkKeyPart } from "./redis-names.ts";
import { portOf } from "./redis-port.ts";

export interface RedisDeduplicationOptions {
  /** How long a claim holds that is not renewed, as by a process that crashed: 100 ms to 12 h. Default: `"30s"`. */
  readonly lease?: Duration | undefined;
  /**
   * How long events are remembered: from their own time on, or from when they had their effect if that is later. At least
   * `lease`. An event that is older is refused. Default: 7 days (`"168h"`).
   */
  readonly retention?: Duration | undefined;
  /** What the keys in Redis begin with. Default: `"snowshed"`. */
  readonly prefix?: string | undefined;
  /** How long an answer of Redis is waited for: at least 1 ms. Default: `"5s"`. */
  readonly commandTimeout?: Duration | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** What an effect is given, since Redis cannot undo what it does. */
export interface RedisClaim {
  /**
   * Larger with each claim of the same event, by the server's clock in microseconds: a resource that refuses a smaller one than it
   * has seen for this event is safe from who lost a claim and does not know it yet.
   */
  readonly token: bigint;
}

/** What a store has counted since it was made. */
export interface RedisDeduplicationInspection {
  /** Events that had their effect. */
  readonly applied: number;
  /** Events that had had it before. */
  readonly duplicates: number;
  /** Events that were refused since they are older than `retention`. */
  readonly expired: number;
  /** Of `applied`: another one claimed the event meanwhile, and may have applied it, too. */
  readonly overtaken: number;
  /** Claims that may have ended before their effect did. */
  readonly lost: number;
  /** Calls that ended with `SNOWSHED_BACKEND_UNAVAILABLE`. */
  readonly unavailable: number;
}

/** How often who waits for another's claim looks again, in milliseconds: at first, and at most. */
const [firstLook, lastLook] = [10, 250];

/**
 * Remembers in Redis or Valkey which events had their effect: for effects that are not in PostgreSQL, such as calls of other
 * services. It promises less than `PostgresDeduplicationStore`, since mark and effect cannot be one.
 *
 * An event is claimed, with a lease that is renewed while the effect runs, and marked when that has ended. While all goes well an
 * event has its effect once, however many processes it is delivered to. It may have it **twice** when a process crashes, or Redis
 * is gone for longer than a lease, between the effect and the mark; when a process is stopped for longer than its lease; and
 * when Redis forgets marks: a restart without persistence, a failover, an eviction. It is never lost.
 *
 * The context of the effect aborts before its claim can have ended on the server. The call then rejects with
 * `SNOWSHED_BACKEND_UNAVAILABLE`, and `SNOWSHED_LEASE_LOST` as its cause. An effect that goes on after its signal aborted keeps its
 * claim until the lease ends, and the event is marked if it ends well.
 *
 * @example
 * ```ts no-run
 * import { Redis } from "ioredis";
 * import { RedisDeduplicationStore } from "snowshed/redis";
 *
 * const store = new RedisDeduplicationStore(new Redis(), "mail");
 * const event = { key: "4bf92f35:order.paid:2026-11-23T19:20:00.123Z", at: Date.parse("2026-11-23T19:20:00.123Z") };
 * const { status } = await store.apply(event, (_claim, { signal }) =>
 *   fetch("https://mail.example/send", { method: "POST", headers: { "Idempotency-Key": event.key }, signal }),
 * );
 * console.log(status); // applied; duplicate the next time
 * ```
 */
export class RedisDeduplicationStore implements DeduplicationStore<RedisClaim> {
  readonly name: string;
  readonly #commands: RedisCommands;
  readonly #settings: ClaimSettings;
  readonly #label: string;
  readonly #prefix: string;
  readonly #counts = { applied: 0, duplicates: 0, expired: 0, overtaken: 0, lost: 0, unavailable: 0 };

  /** `client` is not closed by it; `name` is the consumer's: stores with different names share no marks. */
  constructor(client: RedisLike, name: string, options: RedisDeduplicationOptions = {}) {
    checkKeyPart(name, "name");
    const { prefix = "snowshed", clock = systemClock } = options;
    checkKeyPart(prefix, "prefix");
    const lease = Math.ceil(toMillisecondsInRange(options.lease ?? "30s", "lease", 100, 43_200_000));
    const retention = Math.ceil(toMillisecondsInRange(options.retention ?? "168h", "retention", lease, finite));
    const commandTimeout = toMillisecondsInRange(options.commandTimeout ?? "5s", "commandTimeout", 1, 2 ** 31 - 1);
    this.name = name;
    this.#label = `the deduplication store "${name}"`;
    // A time beyond what there is to remember is no longer exact as a number, and needs not be.
    this.#settings = { clock, lease, retention: Math.min(retention, 2 ** 52) };
    // A name with a colon must not look like another one with the beginning of a key.
    this.#prefix = `${prefix}:deduplication:${encodeURIComponent(name)}`;
    this.#commands = new RedisCommands(portOf(client), commandTimeout, clock, this.#label);
  }

  async apply<R>(
    event: EventIdentity,
    effect: (transaction: RedisClaim, context: Context) => R | PromiseLike<R>,
    options: DeduplicationOptions = {},
  ): Promise<Deduplicated<R>> {
    checkFunction(effect, "effect");
    checkIdentity(event, "event");
    const context = contextOf(options.signal, this.#settings.clock);
    context.throwIfAborted();
    const key = `${this.#prefix}:${event.at ?? ""}:${storedKey(event.key)}`;
    const claim = new DeduplicationClaim(this.#commands, this.#settings, key, randomUUID(), event);
    try {
      const token = await this.#claimed(claim, context);
      if (token !== undefined) return await this.#run(claim, token, effect, context);
      this.#counts.duplicates++;
      return { status: "duplicate" };
    } catch (error) {
      if ((error as Partial<SnowshedError> | null)?.code === "SNOWSHED_BACKEND_UNAVAILABLE") this.#counts.unavailable++;
      throw error;
    }
  }

  inspect(): RedisDeduplicationInspection {
    return { ...this.#counts };
  }

  /** The token, when nobody else has the event any more; `undefined` if it had its effect. */
  async #claimed(claim: DeduplicationClaim, context: Context): Promise<bigint | undefined> {
    for (let look = firstLook; ; look = Math.min(2 * look, lastLook)) {
      const asked = claim.ask();
      let answer: ClaimAnswer;
      try {
        answer = await abortable(context, asked);
      } catch (error) {
        // It may have been granted, or still be.
        void asked.then(
          () => claim.release(),
          () => claim.release(),
        );
        throw error;
      }
      if (answer.kind === "claimed") return answer.token;
      if (answer.kind === "done") return undefined;
      if (answer.kind === "expired") {
        this.#counts.expired++;
        const days = Math.round((10 * this.#settings.retention) / 86_400_000) / 10;
        const message = `${this.#label}: an event is older than the ${days} days that are remembered: not applied`;
        throw new SnowshedError("SNOWSHED_EVENT_EXPIRED", message);
      }
      await context.sleep(Math.max(1, Math.min(look, answer.left)));
    }
  }

  async #run<R>(
    claim: DeduplicationClaim,
    token: bigint,
    effect: (transaction: RedisClaim, context: Context) => R | PromiseLike<R>,
    context: Context,
  ): Promise<Deduplicated<R>> {
    const scope = context.withCancel();
    let lost: SnowshedError | undefined;
    claim.keep(() => {
      this.#counts.lost++;
      lost = new SnowshedError("SNOWSHED_LEASE_LOST", `${this.#label}: the claim may have ended before the effect did`);
      scope.cancel(lost);
    });
    const running = new Promise<R>((resolve) => {
      resolve(effect({ token }, scope));
    });
    const ending = running.then(
      async (value) => {
        claim.stop();
        if (!(await claim.done())) this.#counts.overtaken++;
        this.#counts.applied++;
        return value;
      },
      async (error: unknown) => {
        claim.stop();
        await claim.release();
        throw error;
      },
    );
    let isMarking = false;
    void running.then(
      () => {
        isMarking = true;
      },
      () => {},
    );
    try {
      return { status: "applied", value: await abortable(scope, ending) };
    } catch (error) {
      // What has had its effect is marked, whatever became of the caller meanwhile.
      if (isMarking && scope.aborted) return { status: "applied", value: await ending };
      claim.stop();
      scope.cancel(error);
      if (lost !== undefined && !context.aborted) throw unavailable(this.#label, lost.message, { cause: lost });
      throw error;
    } finally {
      scope.detach();
    }
  }
}
