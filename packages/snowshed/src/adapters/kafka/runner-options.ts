import type { Clock } from "../../clock.ts";
import { systemClock } from "../../clock.ts";
import type { Duration } from "../../duration.ts";
import { aboveZero, finite, toMillisecondsInRange } from "../../duration.ts";
import { checkFunction, checkInteger, invalidArgument } from "../../errors.ts";
import type { Backoff } from "../../overload/backoff.ts";
import { BackoffSchedule } from "../../overload/backoff.ts";
import { CircuitBreaker } from "../../overload/circuit-breaker.ts";
import type { Classify } from "../../overload/classify.ts";
import { classify as defaultClassify } from "../../overload/classify.ts";
import { Limiter } from "../../overload/limiter.ts";
import type { BatchHandler, MessageHandler } from "./handlers.ts";
import type { IdempotentProducer } from "./idempotent-producer.ts";
import { IdempotentProducer as Producer } from "./idempotent-producer.ts";
import type { ConsumedMessage } from "./message.ts";
import type { ConsumerEvent } from "./runner-events.ts";

export interface ConsumerRunnerOptions {
  readonly topics: readonly string[];
  /** What is done with each message; this or `batchHandler`. */
  readonly handler?: MessageHandler | undefined;
  /** What is done with several messages at once. */
  readonly batchHandler?: BatchHandler | undefined;
  /** How many at once at most, for a `batchHandler`: what is there, nobody waits for more. Default: 100. */
  readonly batchSize?: number | undefined;
  /** How many handlers run at once, over all partitions. Default: 10. */
  readonly concurrency?: number | undefined;
  /**
   * Messages with the same key of one partition are handled in their order, others beside each other; `undefined`: in no order. One that throws fails the message for good.
   * Default: the key of the message.
   */
  readonly orderBy?: ((message: ConsumedMessage) => string | undefined) | undefined;
  /** How long one attempt may take; it ends the handler's context. Default: `"30s"`. */
  readonly timeout?: Duration | undefined;
  /** What comes after an attempt that failed by the message's own fault. Default: 5 attempts, up to 10 s apart. */
  readonly retry?: { readonly attempts?: number | undefined; readonly backoff?: Backoff | undefined } | undefined;
  /** Where messages go that are given up. Default: nowhere, they are tried for ever, and their keys wait. */
  readonly deadLetters?: DeadLetterOptions | undefined;
  /** Of what is behind the handler; while it refuses, partitions pause, and no message fails. */
  readonly limiter?: Limiter | undefined;
  readonly breaker?: CircuitBreaker | undefined;
  /** What a failure means: `"fatal"` is not tried again, `"overload"` pauses the partition. Default: `classify`. */
  readonly classify?: Classify | undefined;
  /** So many messages of a partition may be read and not committed: at least 1. Default: 1000. */
  readonly maxPending?: number | undefined;
  /** How often positions are committed. Default: `"500ms"`. */
  readonly commitInterval?: Duration | undefined;
  /**
   * How long handlers may run on when a partition is to be handed over: less than the session timeout of the consumer. Default:
   * `"10s"`.
   */
  readonly handOverTimeout?: Duration | undefined;
  /** Where a group begins that has committed nothing. Default: `"earliest"`. */
  readonly start?: "earliest" | "latest" | undefined;
  /** An event whose own time is further from now, or from that of its message, is counted. Default: `"5m"`. */
  readonly maxClockSkew?: Duration | undefined;
  readonly clock?: Clock | undefined;
  /** Told what happens, in a microtask. What it throws is reported as uncaught. */
  readonly onEvent?: ((event: ConsumerEvent) => void) | undefined;
}

export interface DeadLetterOptions {
  readonly producer: IdempotentProducer;
  /** Default: that of the message, with `.dead-letters` behind it. */
  readonly topic?: string | ((message: ConsumedMessage) => string) | undefined;
}

/** Checked, with all defaults, in milliseconds. @internal */
export class RunnerSettings {
  readonly topics: readonly string[];
  readonly handler: BatchHandler;
  readonly batchSize: number;
  readonly concurrency: number;
  readonly orderBy: (message: ConsumedMessage) => string | undefined;
  readonly timeout: number;
  readonly attempts: number;
  readonly backoff: BackoffSchedule;
  readonly deadLetters: { readonly producer: IdempotentProducer; topic(message: ConsumedMessage): string } | null;
  readonly limiter: Limiter | null;
  readonly breaker: CircuitBreaker | null;
  readonly classify: Classify;
  readonly maxPending: number;
  readonly commitInterval: number;
  readonly handOverTimeout: number;
  readonly start: "earliest" | "latest";
  readonly maxClockSkew: number;
  readonly clock: Clock;
  readonly onEvent: ((event: ConsumerEvent) => void) | null;

  constructor(options: ConsumerRunnerOptions) {
    if (typeof options !== "object" || options === null) {
      throw invalidArgument(TypeError, "options", "an object", options);
    }
    const { topics, handler, batchHandler, batchSize = 100, concurrency = 10, orderBy = keyOf, retry = {} } = options;
    const { deadLetters, limiter, breaker, classify = defaultClassify, maxPending = 1000, onEvent } = options;
    const { start = "earliest", clock = systemClock } = options;
    if (
      !Array.isArray(topics) ||
      topics.length === 0 ||
      !topics.every((topic) => typeof topic === "string" && topic !== "")
    ) {
      throw invalidArgument(TypeError, "topics", "names of topics, at least one", topics);
    }
    if ((handler === undefined) === (batchHandler === undefined)) {
      throw invalidArgument(TypeError, "handler", "given, or batchHandler, and not both", handler);
    }
    if (handler !== undefined) checkFunction(handler, "handler");
    if (batchHandler !== undefined) checkFunction(batchHandler, "batchHandler");
    checkInteger(batchSize, "batchSize", 1);
    checkInteger(concurrency, "concurrency", 1, true);
    checkInteger(maxPending, "maxPending", 1);
    checkFunction(orderBy, "orderBy");
    checkFunction(classify, "classify");
    if (onEvent !== undefined) checkFunction(onEvent, "onEvent");
    if (limiter !== undefined && !(limiter instanceof Limiter)) {
      throw invalidArgument(TypeError, "limiter", "a Limiter", limiter);
    }
    if (breaker !== undefined && !(breaker instanceof CircuitBreaker)) {
      throw invalidArgument(TypeError, "breaker", "a CircuitBreaker", breaker);
    }
    if (start !== "earliest" && start !== "latest") {
      throw invalidArgument(RangeError, "start", '"earliest" or "latest"', start);
    }
    if (typeof retry !== "object" || retry === null) throw invalidArgument(TypeError, "retry", "an object", retry);
    const { attempts = 5, backoff } = retry;
    checkInteger(attempts, "retry.attempts", 1, true);
    this.timeout = toMillisecondsInRange(options.timeout ?? 30_000, "timeout", aboveZero);
    this.commitInterval = toMillisecondsInRange(options.commitInterval ?? 500, "commitInterval", 1, finite);
    this.handOverTimeout = toMillisecondsInRange(options.handOverTimeout ?? 10_000, "handOverTimeout", 0, finite);
    this.maxClockSkew = toMillisecondsInRange(options.maxClockSkew ?? 300_000, "maxClockSkew", 0);
    this.topics = [...(topics as readonly string[])];
    this.handler = batchHandler ?? ((messages, context) => handler!(messages[0]!, context));
    this.batchSize = batchHandler === undefined ? 1 : batchSize;
    this.concurrency = concurrency;
    this.orderBy = orderBy;
    this.attempts = attempts;
    this.backoff = new BackoffSchedule(backoff);
    this.deadLetters = deadLetters === undefined ? null : checkedDeadLetters(deadLetters);
    this.limiter = limiter ?? null;
    this.breaker = breaker ?? null;
    this.classify = classify;
    this.maxPending = maxPending;
    this.start = start;
    this.clock = clock;
    this.onEvent = onEvent ?? null;
  }
}

/** One character for each byte: no two keys become one. */
function keyOf(message: ConsumedMessage): string | undefined {
  return message.key?.toString("latin1");
}

function checkedDeadLetters(options: DeadLetterOptions): NonNullable<RunnerSettings["deadLetters"]> {
  const { producer, topic = (message: ConsumedMessage) => `${message.topic}.dead-letters` } = options;
  if (!(producer instanceof Producer)) {
    throw invalidArgument(TypeError, "deadLetters.producer", "made by idempotentProducer()", producer);
  }
  if (typeof topic === "string" && topic !== "") return { producer, topic: () => topic };
  checkFunction(topic, "deadLetters.topic");
  return { producer, topic: topic as (message: ConsumedMessage) => string };
}
