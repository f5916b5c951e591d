import type {
  Deduplicated,
  DeduplicatedBatch,
  DeduplicationOptions,
  DeduplicationStore,
  EventIdentity,
} from "snowshed/kafka";
import { Context, SnowshedError } from "snowshed";

/** A store in the memory of this process: of a transaction, the effects on it are kept only when it is committed. */
export class MemoryStore implements DeduplicationStore<string[]> {
  /** What effects have pushed, of those that were committed. */
  readonly effects: string[] = [];
  readonly marks = new Set<string>();
  /** Whether it can be reached. */
  isUp = true;
  readonly #underWay = new Map<string, Promise<unknown>>();

  async apply<R>(
    event: EventIdentity,
    effect: (transaction: string[], context: Context) => R | PromiseLike<R>,
    options?: DeduplicationOptions,
  ): Promise<Deduplicated<R>> {
    const { applied, value } = await this.applyBatch(
      [event],
      (transaction, _, context) => effect(transaction, context),
      options,
    );
    return applied.length === 0 ? { status: "duplicate" } : { status: "applied", value: value as R };
  }

  async applyBatch<R>(
    events: readonly EventIdentity[],
    effect: (transaction: string[], fresh: readonly number[], context: Context) => R | PromiseLike<R>,
    { signal }: DeduplicationOptions = {},
  ): Promise<DeduplicatedBatch<R>> {
    for (const { key } of events) await this.#underWay.get(key)?.catch(() => {});
    if (!this.isUp) throw new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", "the store is down");
    const fresh = events.flatMap(({ key }, place) =>
      this.marks.has(key) || events.findIndex((other) => other.key === key) < place ? [] : [place],
    );
    if (fresh.length === 0) return { applied: [], value: undefined };
    const context = signal instanceof Context ? signal : Context.background;
    const transaction: string[] = [];
    const body = Promise.resolve(effect(transaction, fresh, context));
    for (const place of fresh) this.#underWay.set(events[place]!.key, body);
    try {
      const value = await body;
      context.throwIfAborted();
      this.effects.push(...transaction);
      for (const place of fresh) this.marks.add(events[place]!.key);
      return { applied: fresh, value };
    } finally {
      for (const place of fresh) this.#underWay.delete(events[place]!.key);
    }
  }
}
