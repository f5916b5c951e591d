import type { Clock } from "../../clock.ts";
import { Context } from "../../concurrency/context.ts";
import { timeout } from "../../overload/timeout.ts";
import type { ConsumerPort } from "./consumer-port.ts";
import type { PartitionWork } from "./partition-work.ts";

/** How long a client may take for it: it retries, and a broker that is gone must not hold up a hand-over for ever. */
const longest = 5000;

/** Tells the broker how far partitions are done. @internal */
export class Committer {
  commits = 0;
  failures = 0;
  readonly #port: ConsumerPort;
  readonly #context: Context;
  readonly #onFailure: (error: unknown) => void;
  #underWay: Promise<void> | null = null;
  #cancelTimer: (() => void) | null = null;
  #isStopped = false;

  constructor(port: ConsumerPort, clock: Clock, onFailure: (error: unknown) => void) {
    this.#port = port;
    this.#context = Context.root({ clock });
    this.#onFailure = onFailure;
  }

  /** From now on every `interval` ms, of what `works` gives then; never again once it was stopped. */
  start(interval: number, works: () => Iterable<PartitionWork>): void {
    if (this.#isStopped) return;
    this.#cancelTimer = this.#context.clock.setTimeout(() => {
      void this.commit(works()).then(() => {
        this.start(interval, works);
      });
    }, interval);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
  }

  /** One after the other: an older position must not arrive behind a newer one. Never rejects. */
  async commit(works: Iterable<PartitionWork>): Promise<void> {
    while (this.#underWay !== null) await this.#underWay;
    const underWay = this.#commit([...works]);
    this.#underWay = underWay;
    await underWay;
    this.#underWay = null;
  }

  async #commit(works: readonly PartitionWork[]): Promise<void> {
    try {
      const positions = [];
      for (const work of works) {
        const { position: offset, committed } = work;
        if (work.context.aborted || offset === undefined || offset === committed) continue;
        positions.push({ work, position: { ...work.partition, offset } });
      }
      if (positions.length === 0) return;
      const all = positions.map(({ position }) => position);
      await timeout((context) => this.#port.commit(all, context), longest, { signal: this.#context });
      this.commits++;
      for (const { work, position } of positions) work.committed = position.offset;
    } catch (error) {
      this.failures++;
      this.#onFailure(error);
    }
  }
}
