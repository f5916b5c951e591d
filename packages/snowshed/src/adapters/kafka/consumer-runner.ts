import type { CancelContext } from "../../concurrency/context.ts";
import { Context } from "../../concurrency/context.ts";
import type { Turn } from "../../delivery/key-ordered-queue.ts";
import type { Duration } from "../../duration.ts";
import { toMillisecondsInRange } from "../../duration.ts";
import { invalidArgument } from "../../errors.ts";
import { FatalError } from "../../overload/classified-errors.ts";
import type { AttemptOutcome } from "./attempt.ts";
import { attempt } from "./attempt.ts";
import { Committer } from "./committer.ts";
import type { Assigned, ConsumerPort, Taken } from "./consumer-port.ts";
import { partitionKey } from "./consumer-port.ts";
import { deadLetter } from "./dead-letter.ts";
import type { KafkaConsumerLike } from "./kafka-like.ts";
import { KafkaJsConsumer } from "./kafkajs-consumer.ts";
import type { ConsumedMessage, TopicPartition } from "./message.ts";
import { eventIdentity } from "./message.ts";
import type { Entry } from "./partition-work.ts";
import { PartitionWork } from "./partition-work.ts";
import { PlatformaticConsumer } from "./platformatic-consumer.ts";
import type { ConsumerCounts, ConsumerEvent, ConsumerInspection, DeadLetterReason } from "./runner-events.ts";
import type { ConsumerRunnerOptions } from "./runner-options.ts";
import { RunnerSettings } from "./runner-options.ts";

type Counts = { -readonly [Name in keyof ConsumerCounts]: number };

const never = new Promise<void>(() => {});

/**
 * Runs a handler over the messages of a consumer group so that none is lost: a position is committed only when everything before
 * it is done, that is handled or in the dead-letter topic. What was done and not committed is done again after a crash or a lost
 * partition: put `deduplicated` around the handler, and its effect is not.
 *
 * Messages with the same key are handled in their order, others beside each other. One that fails by its own fault is tried
 * again, then given to the dead-letter topic. Where what is behind the handler is the reason (an open breaker, a full limiter, an
 * overload, a store that cannot be reached) the partition pauses, and no attempt is counted.
 *
 * When the group gives out its partitions anew, nothing more is begun; what is under way may end, is committed, and then the
 * group goes on. Where the client is told too late, nothing is committed any more.
 *
 * The consumer stays the caller's, who closes it after `stop()`. Nothing else may use it in between.
 *
 * @example
 * ```ts
 * import { ConsumerRunner, type KafkaConsumerLike } from "snowshed/kafka";
 *
 * export async function consume(client: KafkaConsumerLike, shutDown: AbortSignal): Promise<void> {
 *   const runner = new ConsumerRunner(client, {
 *     topics: ["orders"],
 *     handler: (message) => console.log(message.value?.toString()),
 *   });
 *   await runner.start();
 *   shutDown.addEventListener("abort", () => void runner.stop());
 * }
 * ```
 */
export class ConsumerRunner {
  readonly #settings: RunnerSettings;
  readonly #port: ConsumerPort;
  readonly #committer: Committer;
  readonly #root: CancelContext;
  #works = new Map<string, PartitionWork>();
  /** In the order in which they are asked for work: who was asked goes to the end. */
  #turns: PartitionWork[] = [];
  #active = 0;
  #state: ConsumerInspection["state"] = "idle";
  #stopped: Promise<void> | null = null;
  #idleWaiters: (() => void)[] = [];
  readonly #counts: Omit<Counts, "commits" | "failedCommits"> = {
    received: 0,
    handled: 0,
    duplicates: 0,
    retries: 0,
    deadLetters: 0,
    withoutIdentity: 0,
    pauses: 0,
    abandoned: 0,
    clockSkews: 0,
    rebalances: 0,
    skipped: 0,
  };

  constructor(client: KafkaConsumerLike, options: ConsumerRunnerOptions) {
    this.#settings = new RunnerSettings(options);
    this.#port = portOf(client, this.#settings);
    const { clock } = this.#settings;
    this.#root = Context.root({ clock }).withCancel();
    this.#committer = new Committer(this.#port, clock, (error) => this.#tell({ type: "commit-failed", error }));
  }

  /**
   * Joins the group, and takes messages from then on. Rejects as the client does when it cannot join; then nothing runs, and it
   * may be called again. Throws `SNOWSHED_FATAL` for a consumer with a group protocol that cannot be handed over.
   */
  async start(): Promise<void> {
    if (this.#state !== "idle") throw new FatalError(`the runner is ${this.#state}: it starts once`);
    this.#state = "running";
    try {
      await this.#port.start({
        onAssigned: (partitions) => this.#assign(partitions),
        onRevoked: () => this.#handOver(this.#settings.handOverTimeout),
        onLost: () => this.#lose(),
        onRestart: (partition) => this.#works.get(partitionKey(partition))?.restart(),
        onMessages: (partition, messages) => this.#take(partition, messages),
        onPassed: (partition, offset) => this.#works.get(partitionKey(partition))?.passTo(offset),
        onSkipped: (partition, from, to) => this.#skip(partition, from, to),
        onFailure: (error, isFinal) => this.#fail(error, isFinal),
      });
    } catch (error) {
      if (this.#state === "running") this.#state = "idle";
      throw error;
    }
    this.#committer.start(this.#settings.commitInterval, () => this.#works.values());
  }

  /**
   * Begins nothing more, waits for the handlers that run (`timeout`, default 10 s, then their contexts end), commits what is done,
   * and leaves the group. A second call waits for the first.
   */
  stop(options: { readonly timeout?: Duration | undefined } = {}): Promise<void> {
    const ms = toMillisecondsInRange(options.timeout ?? 10_000, "timeout", 0);
    this.#stopped ??= this.#stop(ms);
    return this.#stopped;
  }

  /** What is under way, and what has happened. */
  inspect(): ConsumerInspection {
    const { commits, failures: failedCommits } = this.#committer;
    return {
      state: this.#state,
      active: this.#active,
      partitions: [...this.#works.values()].map((work) => work.inspect()),
      counts: { ...this.#counts, commits, failedCommits },
    };
  }

  async #stop(ms: number): Promise<void> {
    const wasRunning = this.#state === "running";
    this.#state = "stopping";
    this.#committer.stop();
    try {
      await this.#handOver(ms);
      if (wasRunning) await this.#port.stop();
    } finally {
      this.#root.cancel("the runner was stopped");
      this.#state = "stopped";
    }
  }

  #assign(partitions: readonly Assigned[]): void {
    if (this.#state !== "running") return;
    this.#drop("the partition was assigned anew");
    const { maxPending } = this.#settings;
    for (const assigned of partitions) {
      const work = new PartitionWork(assigned, this.#root, maxPending);
      this.#works.set(partitionKey(work.partition), work);
      this.#turns.push(work);
    }
    this.#counts.rebalances++;
    this.#tell({ type: "assigned", partitions: partitions.map(({ topic, partition }) => ({ topic, partition })) });
  }

  #take(partition: TopicPartition, messages: readonly ConsumedMessage[]): Taken {
    const work = this.#works.get(partitionKey(partition));
    if (work === undefined || work.isClosing) return { hasRoom: never, isDone: never };
    for (const message of messages) {
      this.#counts.received++;
      this.#checkClock(message);
      work.take(message, this.#settings.orderBy);
    }
    this.#pump();
    return { hasRoom: work.hasRoom(), isDone: work.isDone() };
  }

  #skip({ topic, partition }: TopicPartition, from: bigint, to: bigint): void {
    this.#counts.skipped += Number(to - from);
    this.#tell({ type: "skipped", partition: { topic, partition }, from, to });
    // So that whoever comes next does not begin in what is gone.
    this.#works.get(partitionKey({ topic, partition }))?.passTo(to);
  }

  /** Lets what is under way end, commits, and forgets all partitions. */
  async #handOver(ms: number): Promise<void> {
    const works = [...this.#works.values()];
    for (const work of works) work.isClosing = true;
    const isActive = (): boolean => works.some((work) => work.active > 0 && !work.context.aborted);
    if (isActive() && ms > 0) {
      let cancelTimer: (() => void) | null = null;
      await new Promise<void>((resolve) => {
        const check = (): void => {
          if (isActive()) this.#idleWaiters.push(check);
          else resolve();
        };
        cancelTimer = this.#settings.clock.setTimeout(resolve, ms);
        check();
      });
      (cancelTimer as (() => void) | null)?.();
    }
    const abandoned = works.reduce((sum, work) => sum + work.active, 0);
    await this.#committer.commit(works);
    for (const work of works) this.#remove(work, "the partition was handed over");
    if (works.length > 0) this.#tell({ type: "revoked", abandoned });
  }

  #lose(): void {
    const abandoned = this.#drop("the partition was lost");
    if (abandoned !== null) this.#tell({ type: "lost", abandoned });
  }

  /** How many messages were under way; `null` if there were no partitions. */
  #drop(reason: string): number | null {
    const works = [...this.#works.values()];
    for (const work of works) this.#remove(work, reason);
    return works.length === 0 ? null : works.reduce((sum, work) => sum + work.active, 0);
  }

  #remove(work: PartitionWork, reason: string): void {
    const key = partitionKey(work.partition);
    if (this.#works.get(key) === work) this.#works.delete(key);
    this.#turns = this.#turns.filter((other) => other !== work);
    work.drop(reason);
  }

  /** Begins what there is room for. */
  #pump(): void {
    const { concurrency, limiter, batchSize } = this.#settings;
    while (this.#active < concurrency) {
      // One that is full only with others' work is asked all the same: its refusal says when to ask again.
      if (limiter !== null && this.#active > 0 && limiter.inflight >= limiter.limit) return;
      const index = this.#turns.findIndex((work) => work.hasReady);
      if (index === -1) return;
      const [work] = this.#turns.splice(index, 1) as [PartitionWork];
      this.#turns.push(work);
      void this.#work(work, work.takeTurns(batchSize));
    }
  }

  async #work(work: PartitionWork, turns: readonly Turn<Entry>[]): Promise<void> {
    const entries = turns.flatMap(({ items }) => items);
    const messages = entries.map(({ message }) => message);
    this.#active++;
    work.active += entries.length;
    // Not in the same turn of the event loop: whoever gave the messages is told first that they were taken.
    await Promise.resolve();
    const outcome = await this.#attempt(entries, messages, work.context);
    if (!work.context.aborted) {
      if (outcome.kind === "done") this.#succeed(work, turns, outcome.value);
      else if (outcome.kind === "refused") this.#pause(work, turns, outcome.delay, outcome.error);
      else if (entries.length > 1) this.#separate(work, turns);
      else await this.#failed(work, turns[0]!, outcome.reason, outcome.error);
    }
    this.#active--;
    work.active -= entries.length;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const check of waiters) check();
    this.#pump();
  }

  async #attempt(
    entries: readonly Entry[],
    messages: readonly ConsumedMessage[],
    partition: Context,
  ): Promise<AttemptOutcome> {
    const { keyError = null } = entries[0] ?? {};
    if (keyError !== null) return { kind: "failed", reason: "fatal", error: keyError.error };
    return attempt(messages, this.#settings, partition, () => {
      this.#counts.abandoned++;
      this.#tell({ type: "abandoned", messages });
    });
  }

  #succeed(work: PartitionWork, turns: readonly Turn<Entry>[], value: unknown): void {
    work.pauses = 0;
    const count = turns.reduce((sum, { items }) => sum + items.length, 0);
    this.#counts.handled += count;
    this.#counts.duplicates += duplicatesIn(value, count);
    for (const turn of turns) {
      for (const entry of turn.items) work.done(entry);
      work.queue.finish(turn);
    }
  }

  /** One of a batch is at fault, and nobody knows which: each for itself, in its order. */
  #separate(work: PartitionWork, turns: readonly Turn<Entry>[]): void {
    for (const turn of turns) {
      for (const entry of turn.items) entry.isAlone = true;
      work.queue.finish(turn, turn.items);
    }
  }

  #pause(work: PartitionWork, turns: readonly Turn<Entry>[], least: number, error: unknown): void {
    for (const turn of turns) work.queue.finish(turn, turn.items);
    if (work.isPaused || work.isClosing) return;
    const { backoff, clock } = this.#settings;
    const delay = Math.max(least, backoff.delay(++work.pauses, 0, clock));
    this.#counts.pauses++;
    this.#tell({ type: "paused", partition: work.partition, delay, error });
    work.pause(delay, () => this.#pump());
  }

  async #failed(work: PartitionWork, turn: Turn<Entry>, fatal: DeadLetterReason | null, error: unknown): Promise<void> {
    const entry = turn.items[0]!;
    const { message } = entry;
    const attempts = ++entry.attempts;
    const { deadLetters, clock } = this.#settings;
    const reason = fatal ?? (attempts >= this.#settings.attempts ? "attempts" : null);
    if (reason === "no-identity" && attempts === 1) this.#counts.withoutIdentity++;
    if (reason === null) return this.#again(work, turn, error, "retry");
    if (deadLetters === null) {
      this.#tell({ type: "stuck", message, attempts, reason, error });
      return this.#again(work, turn, error, null);
    }
    try {
      const topic = deadLetters.topic(message);
      await deadLetters.producer.write([deadLetter(message, topic, reason, attempts, error, clock.date())]);
      if (work.context.aborted) return;
      this.#counts.deadLetters++;
      this.#tell({ type: "dead-letter", message, topic, attempts, reason, error });
      work.done(entry);
      work.queue.finish(turn);
    } catch (failure) {
      // Neither here nor there would be lost: it is given up when it can be written down.
      entry.attempts--;
      if (!work.context.aborted) this.#pause(work, [turn], 0, failure);
    }
  }

  /** The key waits with it, and nothing else. */
  #again(work: PartitionWork, turn: Turn<Entry>, error: unknown, type: "retry" | null): void {
    const entry = turn.items[0]!;
    const { backoff, clock } = this.#settings;
    entry.delay = backoff.delay(entry.attempts, entry.delay, clock);
    this.#counts.retries++;
    const { message, attempts, delay } = entry;
    if (type !== null) this.#tell({ type, message, attempt: attempts, delay, error });
    work.context.sleep(delay).then(
      () => {
        work.queue.finish(turn, turn.items);
        this.#pump();
      },
      () => {},
    );
  }

  #checkClock(message: ConsumedMessage): void {
    const at = eventIdentity(message)?.at;
    if (at === undefined) return;
    const ahead = at - this.#settings.clock.date();
    const behind = at - message.timestamp;
    const skew = Math.abs(ahead) < Math.abs(behind) || ahead > 0 ? ahead : behind;
    if (ahead <= this.#settings.maxClockSkew && -behind <= this.#settings.maxClockSkew) return;
    this.#counts.clockSkews++;
    this.#tell({ type: "clock-skew", message, skew });
  }

  #fail(error: unknown, isFinal: boolean): void {
    this.#tell({ type: "client-failed", error, isFinal });
    if (!isFinal || this.#state !== "running") return;
    this.#state = "failed";
    this.#committer.stop();
    this.#drop("the client has ended");
  }

  #tell(event: ConsumerEvent): void {
    const { onEvent } = this.#settings;
    // In a microtask, as all listeners: one that throws or that calls the runner does so when this is over.
    if (onEvent !== null) queueMicrotask(() => onEvent(event));
  }
}

/** By what `deduplicated` and `deduplicatedBatch` return. */
function duplicatesIn(value: unknown, count: number): number {
  if (typeof value !== "object" || value === null) return 0;
  const { status, applied } = value as { readonly status?: unknown; readonly applied?: unknown };
  if (status === "duplicate") return 1;
  return Array.isArray(applied) ? count - applied.length : 0;
}

function portOf(client: KafkaConsumerLike, settings: RunnerSettings): ConsumerPort {
  if (typeof client === "object" && client !== null) {
    if ("joinGroup" in client && typeof client.joinGroup === "function") {
      return new PlatformaticConsumer(client, settings);
    }
    if ("commitOffsets" in client && typeof client.commitOffsets === "function") {
      return new KafkaJsConsumer(client, settings);
    }
  }
  throw invalidArgument(TypeError, "client", "a consumer of @platformatic/kafka or kafkajs", client);
}
