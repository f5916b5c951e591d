import type { Clock } from "../../clock.ts";
import type { Context } from "../../concurrency/context.ts";
import { FatalError } from "../../overload/classified-errors.ts";
import type { Assigned, ConsumerListener, ConsumerPort, Position } from "./consumer-port.ts";
import { partitionKey } from "./consumer-port.ts";
import type { PlatformaticConsumerLike, PlatformaticFetchResponse, PlatformaticMetadata } from "./kafka-like.ts";
import { PlatformaticCoordinator } from "./platformatic-coordinator.ts";
import { said } from "./platformatic-failures.ts";
import { PlatformaticPositions } from "./platformatic-positions.ts";
import { messagesOf, nextOffset } from "./platformatic-records.ts";
import { partitionsOf, PlatformaticTopics } from "./platformatic-topics.ts";

/** A partition that is assigned. */
interface Cursor extends Assigned {
  offset: bigint;
  /** Of the topic that `offset` is of: one that is made anew has another. */
  topicId?: string;
  /** Its messages are being taken: it is not fetched. */
  isBusy: boolean;
}

interface Settings {
  readonly topics: readonly string[];
  readonly start: "earliest" | "latest";
  readonly clock: Clock;
}

/** One call may wait this long for messages, and commits and heartbeats behind it: they share connections. */
const maxWaitTime = 200;
const maxBytesPerPartition = 1024 * 1024;
const pauseAfterFailure = 250;

/**
 * Consumes with a `Consumer` of @platformatic/kafka: its group membership, its connections and its `fetch`, not its streams. Those
 * fetch all partitions or none, keep positions of partitions that were lost in between, and begin where the log ends when there
 * is no position.
 *
 * @internal
 */
export class PlatformaticConsumer implements ConsumerPort {
  readonly #client: PlatformaticConsumerLike;
  readonly #settings: Settings;
  readonly #coordinator: PlatformaticCoordinator;
  readonly #positions: PlatformaticPositions;
  readonly #topics: PlatformaticTopics;
  #listener: ConsumerListener | null = null;
  #cursors = new Map<string, Cursor>();
  /** Nodes that a fetch is under way to. */
  readonly #fetching = new Set<number>();
  /** Of assignments: what was begun under an older one is void. */
  #epoch = 0;
  /** Whether the client has asked before it joined, so that partitions were handed over. */
  #isAnnounced = false;
  /** Whether the membership is what the heartbeat found in a rebalance, so that commits are still taken. */
  #isRebalancing = false;
  /** Offsets that are being committed. */
  readonly #commits = new Set<unknown[]>();
  #isRejoining = false;
  /** Since the last time it joined, or tried to, something has happened that the group does not know of. */
  #wantsToJoin = false;
  /** Of all topics, when the partitions were given out. */
  #partitions = 0;
  /** Whether it is this one that gives them out. */
  #isLeader = false;
  #isStopped = false;

  constructor(client: PlatformaticConsumerLike, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
    this.#topics = new PlatformaticTopics(client, settings.topics, settings.clock);
    this.#coordinator = new PlatformaticCoordinator(client, this.#topics.present);
    this.#positions = new PlatformaticPositions(client, settings.start);
  }

  async start(listener: ConsumerListener): Promise<void> {
    this.#listener = listener;
    this.#isStopped = false;
    const client = this.#client;
    client.on("consumer:group:join", this.#onJoin);
    client.on("consumer:group:rebalance", this.#onRebalance);
    client.on("consumer:heartbeat:end", this.#onHeartbeat);
    client.on("consumer:heartbeat:error", this.#onHeartbeatError);
    client.on("error", this.#onError);
    this.#topics.track(this.#onTopic);
    try {
      await this.#coordinator.findAnew();
      await this.#join();
      if (client.generationId === 0 && !this.#isStopped) {
        const why = 'needs a consumer with the classic group protocol (groupProtocol: "classic", the default)';
        throw new FatalError(`ConsumerRunner ${why}`);
      }
    } catch (error) {
      await this.stop().catch(() => {});
      throw error;
    }
  }

  async commit(positions: readonly Position[], context: Context): Promise<void> {
    // Of one that is gone nothing can be committed, and all others with it.
    const offsets = positions
      .filter(({ topic }) => this.#topics.present.includes(topic))
      .map(({ topic, partition, offset }) => ({ topic, partition, offset, leaderEpoch: -1 }));
    if (offsets.length === 0) return;
    this.#commits.add(offsets);
    const stop = context.onAbort(() => {
      // The client would send it again, behind what is committed later.
      offsets.length = 0;
      this.#coordinator.disconnect();
    });
    const epoch = this.#epoch;
    try {
      await this.#client.commit({ offsets });
    } catch (error) {
      if (epoch === this.#epoch) this.#checkMembership(error);
      void this.#coordinator.findAnew();
      throw error;
    } finally {
      stop();
      this.#commits.delete(offsets);
    }
  }

  /**
   * After a commit that the group refuses the client ends its heartbeats and joins by itself. Where that fails it is left without a
   * membership, tells nobody, and all it commits later is refused.
   */
  #checkMembership(error: unknown): void {
    if (!this.#isStopped && !this.#isAnnounced && !this.#client.isActive()) this.#onError(error);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#forget();
    const client = this.#client;
    client.removeListener("consumer:group:join", this.#onJoin);
    client.removeListener("consumer:group:rebalance", this.#onRebalance);
    client.removeListener("consumer:heartbeat:end", this.#onHeartbeat);
    client.removeListener("consumer:heartbeat:error", this.#onHeartbeatError);
    client.removeListener("error", this.#onError);
    try {
      await this.#topics.ask(() => client.leaveGroup());
    } finally {
      this.#topics.untrack();
    }
  }

  async #join(): Promise<void> {
    // The client asks for it before each request to join, and waits for it: the one place where it can be held up.
    const protocolsMetadata = async (_: unknown, __: unknown, metadata: PlatformaticMetadata): Promise<Buffer> => {
      this.#partitions = partitionsOf(metadata);
      this.#positions.begin(metadata);
      await this.#handOver();
      return Buffer.alloc(0);
    };
    await this.#client.joinGroup({ protocolsMetadata });
  }

  async #handOver(): Promise<void> {
    const isGraceful = this.#isRebalancing;
    this.#isAnnounced = true;
    this.#isRebalancing = false;
    this.#forget();
    if (this.#isStopped) return;
    if (isGraceful) await this.#listener?.onRevoked();
    else this.#listener?.onLost();
    this.#coordinator.prepare();
  }

  #forget(): void {
    this.#epoch++;
    this.#cursors.clear();
  }

  readonly #onRebalance = (): void => {
    this.#isRebalancing = true;
  };

  /** What was added since is nobody's until the leader joins again; the client takes no notice of it. */
  readonly #onHeartbeat = (): void => {
    const epoch = this.#epoch;
    if (!this.#isLeader || this.#isRejoining) return;
    void this.#topics.metadata().then(
      (metadata) => {
        if (epoch !== this.#epoch || partitionsOf(metadata) === this.#partitions) return;
        this.#isRebalancing = true;
        void this.#rejoin();
      },
      () => {},
    );
  };

  readonly #onHeartbeatError = ({ error }: { readonly error?: unknown }): void => {
    void this.#topics.check(error).then(() => this.#coordinator.findAnew());
  };

  readonly #onTopic = (gone: string | null, error: unknown): void => {
    if (gone === null) this.#fetchAll();
    else {
      this.#positions.forget(gone);
      this.#listener?.onFailure(error, false);
    }
  };

  readonly #onJoin = ({ isLeader }: { readonly isLeader: boolean }): void => {
    if (this.#isStopped) return;
    this.#isLeader = isLeader;
    // The client commits again what it could not while it was no member: in the new generation, over what others committed.
    for (const offsets of this.#commits) offsets.length = 0;
    const wasAnnounced = this.#isAnnounced;
    this.#isAnnounced = false;
    this.#isRebalancing = false;
    this.#forget();
    if (!wasAnnounced) {
      // It joined by itself, after a commit that failed. It would do so from now on: once more, then, and announced.
      this.#listener?.onLost();
      void this.#rejoin();
      return;
    }
    void this.#assign(this.#epoch);
  };

  /** A rejoin that failed: the client sends no heartbeats after that, and does nothing more. */
  readonly #onError = (error: unknown): void => {
    this.#listener?.onFailure(error, false);
    this.#forget();
    this.#listener?.onLost();
    void this.#rejoin();
  };

  async #rejoin(): Promise<void> {
    this.#wantsToJoin = true;
    if (this.#isRejoining) return;
    this.#isRejoining = true;
    // The client may join by itself meanwhile, and tell of both: the last one must be announced, too.
    while (this.#wantsToJoin && !this.#isStopped) {
      this.#wantsToJoin = false;
      const cancelWatch = this.#coordinator.watch(this.#settings.clock);
      try {
        await this.#join();
      } catch (error) {
        this.#listener?.onFailure(error, false);
        this.#wantsToJoin = true;
        await this.#topics.check(error);
        await this.#coordinator.findAnew();
        await this.#pause();
      } finally {
        cancelWatch();
      }
    }
    this.#isRejoining = false;
  }

  /** Finds out where to begin, for as long as it takes. */
  async #assign(epoch: number): Promise<void> {
    const { topics } = this.#settings;
    const all = this.#client.assignments ?? [];
    const assigned = all.filter(({ topic }) => topics.includes(topic));
    if (assigned.length < all.length) {
      // The client gives the topics of the group's leader to all members, whatever they read.
      const others = all.flatMap(({ topic }) => (topics.includes(topic) ? [] : [topic])).join(", ");
      const why = `it was given partitions of ${others}, which it does not read: all of a group must read the same topics`;
      this.#listener?.onFailure(new FatalError(why), false);
    }
    const beginnings = await this.#untilDone(epoch, () => this.#positions.of(assigned));
    if (beginnings === undefined) return;
    this.#cursors = new Map(beginnings.map((one) => [partitionKey(one), { ...one, isBusy: false }]));
    this.#listener?.onAssigned(beginnings);
    this.#fetchAll();
  }

  /** Fetches what nobody fetches yet. */
  #fetchAll(): void {
    const epoch = this.#epoch;
    void this.#untilDone(epoch, async () => {
      const { topics } = await this.#topics.metadata();
      if (epoch !== this.#epoch) return true;
      const byLeader = new Map<number, Map<string, Cursor[]>>();
      for (const cursor of this.#cursors.values()) {
        const topic = topics.get(cursor.topic);
        // Given back when the group's leader sees that it is gone.
        if (topic === undefined) continue;
        this.#checkTopic(cursor, topic.id);
        const leader = topic.partitions[cursor.partition]?.leader ?? -1;
        if (leader < 0) throw new Error(`${partitionKey(cursor)} has no leader`);
        if (cursor.isBusy || this.#fetching.has(leader)) continue;
        const wanted = byLeader.get(leader) ?? new Map<string, Cursor[]>();
        byLeader.set(leader, wanted);
        wanted.set(topic.id, [...(wanted.get(topic.id) ?? []), cursor]);
      }
      for (const [node, wanted] of byLeader) void this.#fetch(node, wanted, epoch);
      return true;
    });
  }

  /** Also where the new log is longer than the old one was, and the broker would go on in its middle. */
  #checkTopic(cursor: Cursor, id: string): void {
    if (cursor.topicId !== undefined && cursor.topicId !== id) {
      this.#listener?.onRestart(cursor);
      cursor.offset = 0n;
    }
    cursor.topicId = id;
  }

  async #fetch(node: number, wanted: ReadonlyMap<string, readonly Cursor[]>, epoch: number): Promise<void> {
    this.#fetching.add(node);
    let pause = 0;
    try {
      const response = await this.#client.fetch({
        node,
        maxWaitTime,
        minBytes: 1,
        topics: [...wanted].map(([topicId, cursors]) => ({
          topicId,
          partitions: cursors.map(({ partition, offset }) => ({
            partition,
            fetchOffset: offset,
            currentLeaderEpoch: -1,
            lastFetchedEpoch: -1,
            partitionMaxBytes: maxBytesPerPartition,
          })),
        })),
      });
      if (epoch === this.#epoch) this.#take(wanted, response, epoch);
    } catch (error) {
      pause = pauseAfterFailure;
      if (epoch === this.#epoch) await this.#recover(wanted, error);
    } finally {
      this.#fetching.delete(node);
    }
    if (epoch !== this.#epoch) {
      // Those of now have waited for the node.
      if (!this.#isStopped) this.#fetchAll();
    } else if (pause === 0) this.#fetchAll();
    else this.#settings.clock.setTimeout(() => this.#fetchAll(), pause);
  }

  #take(wanted: ReadonlyMap<string, readonly Cursor[]>, response: PlatformaticFetchResponse, epoch: number): void {
    for (const { topicId, partitions } of response.responses) {
      for (const fetched of partitions) {
        const cursor = wanted.get(topicId)?.find(({ partition }) => partition === fetched.partitionIndex);
        const next = nextOffset(fetched.records);
        // A session of the broker may bring what was asked for before.
        if (cursor?.topicId !== topicId || next === undefined || next <= cursor.offset) continue;
        const messages = messagesOf(cursor, fetched, cursor.offset);
        if (messages.length > 0) {
          cursor.isBusy = true;
          void this.#listener?.onMessages(cursor, messages).hasRoom.then(() => {
            cursor.isBusy = false;
            if (epoch === this.#epoch) this.#fetchAll();
          });
        }
        // After they were given: whatever fails before that, they are fetched again.
        cursor.offset = next;
        this.#listener?.onPassed(cursor, next);
      }
    }
  }

  /** What was deleted before it was read is gone; what is left begins at the earliest. Everything else passes. */
  async #recover(wanted: ReadonlyMap<string, readonly Cursor[]>, error: unknown): Promise<void> {
    this.#listener?.onFailure(error, false);
    this.#client.clearMetadata();
    if (!said(error, "OFFSET_OUT_OF_RANGE")) return;
    const epoch = this.#epoch;
    try {
      for (const cursor of [...wanted.values()].flat()) {
        const range = await this.#positions.range(cursor);
        if (epoch !== this.#epoch || range === undefined) return;
        const { first, last } = range;
        if (cursor.offset > last) this.#listener?.onRestart(cursor);
        else if (cursor.offset < first) this.#listener?.onSkipped(cursor, cursor.offset, first);
        if (cursor.offset < first || cursor.offset > last) cursor.offset = first;
      }
    } catch (failure) {
      this.#listener?.onFailure(failure, false);
    }
  }

  /** Asks again, until it has an answer or nobody wants one: `undefined`. */
  async #untilDone<T>(epoch: number, ask: () => Promise<T>): Promise<T | undefined> {
    while (epoch === this.#epoch && !this.#isStopped) {
      try {
        const answer = await ask();
        return epoch === this.#epoch ? answer : undefined;
      } catch (error) {
        if (epoch !== this.#epoch) return undefined;
        this.#listener?.onFailure(error, false);
        this.#client.clearMetadata();
      }
      await this.#pause();
    }
    return undefined;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#settings.clock.setTimeout(resolve, pauseAfterFailure);
    });
  }
}
