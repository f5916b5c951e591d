import type { Assigned } from "./consumer-port.ts";
import type { PlatformaticConsumerLike, PlatformaticMetadata } from "./kafka-like.ts";
import type { TopicPartition } from "./message.ts";

interface Partitions {
  readonly topic: string;
  readonly partitions: number[];
}

/** Where to read on. @internal */
export interface Beginning extends Assigned {
  readonly offset: bigint;
}

const fromEarliest = -2n;
const fromLatest = -1n;

/** Where the partitions of a consumer of @platformatic/kafka begin and end, by the broker's word. @internal */
export class PlatformaticPositions {
  readonly #client: PlatformaticConsumerLike;
  readonly #start: "earliest" | "latest";
  /** How many partitions the topics had when it began. */
  #known: Map<string, number> | null = null;

  constructor(client: PlatformaticConsumerLike, start: "earliest" | "latest") {
    this.#client = client;
    this.#start = start;
  }

  /** The first time counts: partitions that come later were empty then, and all that is in them is news. */
  begin({ topics }: PlatformaticMetadata): void {
    this.#known ??= new Map([...topics].map(([topic, of]) => [topic, of?.partitions.length ?? 0]));
  }

  /** It is not there any more: one of its name that comes later is news from its first message. */
  forget(topic: string): void {
    this.#known?.set(topic, 0);
  }

  /** Where the group has come to, or where it has to begin. */
  async of(assigned: readonly Partitions[]): Promise<Beginning[]> {
    if (assigned.length === 0) return [];
    const committed = await this.#client.listCommittedOffsets({ topics: [...assigned] });
    const positionOf = ({ topic, partition }: TopicPartition): bigint => committed.get(topic)?.[partition] ?? -1n;
    const all = assigned.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
    const missing = all.filter((one) => positionOf(one) < 0n);
    const isLatest = (one: TopicPartition): boolean => this.#start === "latest" && !this.#isNew(one);
    const latest = missing.filter(isLatest);
    const earliest = missing.filter((one) => !isLatest(one));
    const [last, first] = [await this.#edges(latest, fromLatest), await this.#edges(earliest, fromEarliest)];
    return all.map((one) => {
      const { topic, partition } = one;
      const known = positionOf(one);
      const offset = known >= 0n ? known : (isLatest(one) ? last : first).get(topic)?.[partition];
      if (offset === undefined) throw new Error(`the broker does not say where ${topic}/${partition} begins`);
      // Whoever has it next would begin at another end, behind what this one has read and not done.
      return { topic, partition, offset, first: known < 0n && this.#start === "latest" ? offset : undefined };
    });
  }

  /** Where the log begins and ends, if the broker says so. */
  async range(one: TopicPartition): Promise<{ readonly first: bigint; readonly last: bigint } | undefined> {
    const { topic, partition } = one;
    const first = (await this.#edges([one], fromEarliest)).get(topic)?.[partition];
    const last = (await this.#edges([one], fromLatest)).get(topic)?.[partition];
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  #isNew({ topic, partition }: TopicPartition): boolean {
    return partition >= (this.#known?.get(topic) ?? Number.POSITIVE_INFINITY);
  }

  async #edges(of: readonly TopicPartition[], timestamp: bigint): Promise<Map<string, bigint[]>> {
    if (of.length === 0) return new Map();
    const partitions: Record<string, number[]> = {};
    for (const { topic, partition } of of) (partitions[topic] ??= []).push(partition);
    return this.#client.listOffsets({ topics: Object.keys(partitions), partitions, timestamp });
  }
}
