import { TransientError } from "../../overload/classified-errors.ts";
import type { TopicPartition } from "./message.ts";

interface Metadata {
  readonly topics: ReadonlyMap<string, { readonly partitionsCount: number } | undefined>;
}

type Done = (error: unknown, metadata?: Metadata) => void;
type Ask = (options: unknown, done: Done) => unknown;

const guards = new WeakMap<object, PartitionGuard>();

/**
 * What @platformatic/kafka 2.12 sends again it sends to the partition it had chosen. Where the topic was made anew with fewer, it
 * reads the leader of one that is not there: an exception that nobody can catch, and a send without an end. So for as long as a
 * send is under way, to learn of fewer partitions fails for the client.
 *
 * @internal
 */
export class PartitionGuard {
  readonly #sends = new Set<TopicPartition>();

  /** One for each client: it takes the place of the function by which the client reads its metadata. */
  static of(client: object): PartitionGuard {
    let guard = guards.get(client);
    if (guard === undefined) {
      guard = new PartitionGuard(client as Record<symbol, unknown>);
      guards.set(client, guard);
    }
    return guard;
  }

  private constructor(client: Record<symbol, unknown>) {
    const symbol = symbolOf(client, "plt.kafka.base.metadata");
    const own = symbol === undefined ? undefined : client[symbol];
    if (symbol === undefined || typeof own !== "function") return;
    const ask = own.bind(client) as Ask;
    client[symbol] = ((options, done) =>
      ask(options, (error, metadata) => done(error ?? this.#failure(metadata), metadata))) satisfies Ask;
  }

  async during(to: TopicPartition, send: () => Promise<unknown>): Promise<void> {
    this.#sends.add(to);
    try {
      await send();
    } finally {
      this.#sends.delete(to);
    }
  }

  #failure(metadata: Metadata | undefined): Error | null {
    for (const { topic, partition } of this.#sends) {
      const count = metadata?.topics.get(topic)?.partitionsCount;
      if (count === undefined || partition < count) continue;
      const why = `${topic} has ${count} partitions now, and number ${partition} is gone: send the same event again`;
      return final(new TransientError(why));
    }
    return null;
  }
}

/** The client asks again after all that is not one of its own errors, which it tells by a symbol, and says so. */
function final(error: Error): Error {
  const own = Object.assign(error, {
    canRetry: false,
    findBy: (name: string, value: unknown) => (name === "canRetry" && value === false ? error : null),
  });
  return new Proxy(own, {
    get: (target, name): unknown =>
      typeof name === "symbol" && name.description === "plt.kafka.genericError" ? true : Reflect.get(target, name),
  });
}

function symbolOf(client: object, description: string): symbol | undefined {
  for (let at: unknown = client; typeof at === "object" && at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertySymbols(at).find((symbol) => symbol.description === description);
    if (found !== undefined) return found;
  }
  return undefined;
}
