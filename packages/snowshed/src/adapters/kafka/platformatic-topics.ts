import type { Clock } from "../../clock.ts";
import type { PlatformaticConsumerLike, PlatformaticMetadata } from "./kafka-like.ts";

const checkAgainEvery = 1000;

/**
 * Which of the topics are there. While one that the client tracks is not, it does nothing any more, for no other topic and no
 * heartbeat either: so it tracks those that are.
 *
 * @internal
 */
export class PlatformaticTopics {
  /** Those that are there: always the same array. */
  readonly present: string[];
  readonly #client: PlatformaticConsumerLike;
  readonly #clock: Clock;
  #onChange: (gone: string | null, error: unknown) => void = () => {};
  #gone: readonly string[] = [];
  /** How often one has gone or come back. */
  #changes = 0;
  #checking: Promise<boolean> | null = null;
  #cancelWatch: (() => void) | null = null;

  constructor(client: PlatformaticConsumerLike, topics: readonly string[], clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.present = [...topics];
  }

  /** `onChange` is told of one that is gone, by its name, and with `null` of one that is there again. */
  track(onChange: (gone: string | null, error: unknown) => void): void {
    this.#onChange = onChange;
    for (const topic of this.present) this.#client.topics.track(topic);
  }

  untrack(): void {
    this.#onChange = () => {};
    this.#cancelWatch?.();
    for (const topic of this.present) this.#client.topics.untrack(topic);
    this.present.push(...this.#gone);
    this.#gone = [];
  }

  metadata(): Promise<PlatformaticMetadata> {
    return this.ask(() => this.#client.metadata({ topics: [...this.present] }));
  }

  /** Once more where it failed for a topic that is gone. */
  async ask<T>(request: () => Promise<T>): Promise<T> {
    const before = this.#changes;
    try {
      return await request();
    } catch (error) {
      if (!isUnknownTopic(error)) throw error;
      // One that runs may have asked before the topic went.
      await this.#checking;
      await this.#checkAll();
      // Found out by this, or by another one since the request was made.
      if (this.#changes === before) throw error;
      return request();
    }
  }

  /** After a failure. Whether it was for a topic that is gone, and others can be asked for now. Never rejects. */
  async check(failure: unknown): Promise<boolean> {
    return isUnknownTopic(failure) && this.#checkAll();
  }

  #checkAll(): Promise<boolean> {
    this.#checking ??= this.#checkEach().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  /** Of several the client may name the wrong one. */
  async #checkEach(): Promise<boolean> {
    let hasChanged = false;
    for (const topic of [...this.present, ...this.#gone]) {
      try {
        await this.#client.metadata({ topics: [topic], forceUpdate: true, retries: 0 });
        hasChanged = this.#back(topic) || hasChanged;
      } catch (error) {
        if (isUnknownTopic(error)) hasChanged = this.#leave(topic, error) || hasChanged;
      }
    }
    return hasChanged;
  }

  #leave(topic: string, error: unknown): boolean {
    const index = this.present.indexOf(topic);
    if (index === -1) return false;
    this.#changes++;
    this.present.splice(index, 1);
    this.#gone = [...this.#gone, topic];
    this.#client.topics.untrack(topic);
    this.#onChange(topic, error);
    this.#watch();
    return true;
  }

  #back(topic: string): boolean {
    if (!this.#gone.includes(topic)) return false;
    this.#gone = this.#gone.filter((other) => other !== topic);
    this.#changes++;
    this.present.push(topic);
    this.#client.topics.track(topic);
    this.#onChange(null, null);
    return true;
  }

  #watch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = this.#clock.setTimeout(() => {
      void this.#checkAll().then(() => {
        if (this.#gone.length > 0) this.#watch();
      });
    }, checkAgainEvery);
  }
}

/** Of all topics. @internal */
export function partitionsOf({ topics }: PlatformaticMetadata): number {
  return [...topics.values()].reduce((sum, topic) => sum + (topic?.partitions.length ?? 0), 0);
}

function isUnknownTopic(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Unknown topic");
}
