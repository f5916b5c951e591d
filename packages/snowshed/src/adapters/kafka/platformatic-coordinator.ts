import type { Clock } from "../../clock.ts";
import type { BrokerAddress, PlatformaticConsumerLike } from "./kafka-like.ts";

/** Nothing can listen there: to connect fails at once. */
const nowhere = { host: "127.0.0.1", port: 0 };

/** The client itself waits 30 s for a broker that hangs, and several times. */
const longestJoin = 15_000;

/**
 * Has a client find the coordinator of its group anew. By itself it does so only when a connection to the old one fails or ends:
 * one that is gone from the cluster, and one that hangs, would be asked for as long as that lasts.
 *
 * @internal
 */
export class PlatformaticCoordinator {
  readonly #client: PlatformaticConsumerLike;
  readonly #topics: readonly string[];
  /** The client's own list, which it has no other way to tell. */
  readonly #bootstrap: BrokerAddress[];
  #isAsking = false;

  constructor(client: PlatformaticConsumerLike, topics: readonly string[]) {
    this.#client = client;
    this.#topics = topics;
    const symbol = Object.getOwnPropertySymbols(client).find(
      ({ description }) => description === "plt.kafka.base.bootstrapBrokers",
    );
    const bootstrap = symbol === undefined ? [] : (client as unknown as Record<symbol, unknown>)[symbol];
    this.#bootstrap = Array.isArray(bootstrap) ? (bootstrap as BrokerAddress[]) : [];
  }

  /** For before a request that the client makes next: it must not be one to a broker that nobody knows. */
  prepare(): boolean {
    const { coordinatorId: id, currentMetadata: metadata } = this.#client;
    if (id === null || metadata === undefined || metadata.brokers.has(id)) return false;
    // The client looks for the coordinator among the brokers, and remains with it when it is not there. A connection that fails
    // is what makes it ask who is the coordinator now.
    metadata.brokers.set(id, nowhere);
    return true;
  }

  /** After a request that failed. Never rejects. */
  async findAnew(): Promise<void> {
    const client = this.#client;
    if (client.coordinatorId === null) {
      this.#askAnother();
      return;
    }
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      await client.metadata({ topics: [...this.#topics] });
      // Before anything else can have the client read its metadata again.
      if (this.prepare()) await client.listCommittedOffsets({ topics: [] });
    } catch {
      // It is the next request of the client that fails then, and it is found anew after that.
    } finally {
      this.#isAsking = false;
    }
  }

  /** There is no answer: what waits for it fails, and is asked of whoever is the coordinator then. */
  disconnect(): void {
    const { coordinatorId, currentMetadata, connections } = this.#client;
    const silent = [this.#bootstrap[0], currentMetadata?.brokers.get(coordinatorId ?? -1)];
    this.#askAnother();
    for (const broker of silent) {
      const connection = broker === undefined ? undefined : connections.getEstablishedConnection(broker);
      connection?.close().catch(() => {});
    }
  }

  /**
   * For a join, until what is returned is called: it may wait for the other members, and asked again over another connection goes on
   * where it was.
   */
  watch(clock: Clock): () => void {
    const again = (): (() => void) =>
      clock.setTimeout(() => {
        this.disconnect();
        cancel = again();
      }, longestJoin);
    let cancel = again();
    return () => cancel();
  }

  /** Who is the coordinator the client asks only the first of its brokers that takes a connection, one that hangs as well. */
  #askAnother(): void {
    const first = this.#bootstrap.shift();
    if (first !== undefined) this.#bootstrap.push(first);
  }
}
