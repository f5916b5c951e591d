import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Duration } from "../../duration.ts";
import { finite, toMillisecondsInRange } from "../../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../../errors.ts";
import type { Backoff } from "../../overload/backoff.ts";
import { BackoffSchedule } from "../../overload/backoff.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import type { OutboxSchemaOptions } from "./outbox-schema.ts";
import { laneCount } from "./outbox-schema.ts";
import type { SessionSettings } from "./transaction-session.ts";

export interface OutboxRelayOptions extends OutboxSchemaOptions {
  /**
   * Sends events, in their order, and resolves when the broker has all of them. After a rejection all are sent again, also
   * those that arrived: with the same identity. Its context ends at `sendTimeout`, and when the relay is told to stop.
   */
  readonly send: (events: readonly MintedEvent[], context: Context) => unknown;
  /** How many events are sent at once at most: 1 to 10,000. Default: 500. */
  readonly batchSize?: number | undefined;
  /** How many lanes, of 16, are sent at once by this relay; each takes a connection while it is. 1 to 16. Default: 2. */
  readonly concurrency?: number | undefined;
  /** How long a send may take: at least 1 ms. Default: `"30s"`. */
  readonly sendTimeout?: Duration | undefined;
  /** How often it looks for events that nobody told it of: at least 1 ms. Default: `"1s"`. */
  readonly pollEvery?: Duration | undefined;
  /** Whether it listens for being told, on a connection of its own. Default: true. */
  readonly listen?: boolean | undefined;
  /** How long events are kept when they were sent, for people to look at. Default: 0: they are deleted at once. */
  readonly keep?: Duration | undefined;
  /** How long it waits after a failure. Default: that of `retry`, from 100 ms to 10 s. */
  readonly backoff?: Backoff | undefined;
  /** Told of each batch that could not be sent, and of why the database could not be asked. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** How long an answer of the database is waited for: at least 1 ms. Default: `"5s"`. */
  readonly commandTimeout?: Duration | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** @internal */
export interface RelaySettings extends SessionSettings {
  readonly send: (events: readonly MintedEvent[], context: Context) => unknown;
  readonly batchSize: number;
  readonly concurrency: number;
  readonly sendTimeout: number;
  readonly pollEvery: number;
  readonly listens: boolean;
  readonly keep: number;
  readonly backoff: BackoffSchedule;
  readonly onFailure: (error: unknown) => void;
}

const longestTimer = 2 ** 31 - 1;

/** @internal */
export function relaySettings(options: OutboxRelayOptions): RelaySettings {
  if (typeof options !== "object" || options === null)
    throw invalidArgument(TypeError, "options", "an object", options);
  const { send, batchSize = 500, concurrency = 2, listen = true, onFailure = () => {}, clock = systemClock } = options;
  checkFunction(send, "send");
  checkFunction(onFailure, "onFailure");
  checkInteger(batchSize, "batchSize", 1);
  if (batchSize > 10_000) throw invalidArgument(RangeError, "batchSize", "at most 10000", batchSize);
  checkInteger(concurrency, "concurrency", 1);
  if (concurrency > laneCount) throw invalidArgument(RangeError, "concurrency", `at most ${laneCount}`, concurrency);
  if (typeof listen !== "boolean") throw invalidArgument(TypeError, "listen", "a boolean", listen);
  const sendTimeout = toMillisecondsInRange(options.sendTimeout ?? "30s", "sendTimeout", 1, longestTimer / 2);
  const answerTimeout = toMillisecondsInRange(options.commandTimeout ?? "5s", "commandTimeout", 1, longestTimer / 2);
  return {
    clock,
    label: "the outbox",
    hint: 'run "snowshed delivery schema --apply <url>", or createSchema()',
    isolation: "read committed",
    answerTimeout,
    connectTimeout: 30_000,
    // A relay that is gone without a word gives its lane back when it could not be sending any more.
    idleTimeout: Math.ceil(sendTimeout + answerTimeout),
    send,
    batchSize,
    concurrency,
    sendTimeout,
    pollEvery: toMillisecondsInRange(options.pollEvery ?? "1s", "pollEvery", 1, longestTimer),
    listens: listen,
    keep: toMillisecondsInRange(options.keep ?? 0, "keep", 0, finite),
    backoff: new BackoffSchedule(options.backoff),
    onFailure,
  };
}
