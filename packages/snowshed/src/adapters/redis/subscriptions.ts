import { systemClock } from "../../clock.ts";
import type { RedisConnection, RedisConnector } from "./redis-connector.ts";

/** A connection that ended is replaced after this, doubled after each failure; each up to half of it less, by chance. */
const firstPause = 100;
const longestPause = 2000;

interface Listener {
  readonly onMessage: (message: string) => void;
  readonly onRejoin: (() => void) | undefined;
}

interface Channel {
  readonly name: string;
  /** One entry for each subscription, also if they share a function. */
  readonly listeners: Set<Listener>;
  /** The first attempt. */
  joined: Promise<void>;
  isJoined: boolean;
  link: Link | null;
}

/** A connection to one server. */
interface Link {
  readonly place: string;
  readonly connection: Promise<RedisConnection>;
  readonly channels: Set<Channel>;
  isOver: boolean;
}

/** All subscriptions through one client: a connection for each server that has channels of ours, while it has. @internal */
export class Subscriptions {
  readonly #connector: RedisConnector;
  readonly #channels = new Map<string, Channel>();
  readonly #links = new Map<string, Link>();

  constructor(connector: RedisConnector) {
    this.#connector = connector;
  }

  async subscribe(
    name: string,
    onMessage: (message: string) => void,
    onRejoin?: () => void,
  ): Promise<() => Promise<void>> {
    const listener: Listener = { onMessage, onRejoin };
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { name, listeners: new Set(), joined: Promise.resolve(), isJoined: false, link: null };
      this.#channels.set(name, channel);
      channel.joined = this.#join(channel);
    }
    const { listeners, joined } = channel;
    listeners.add(listener);
    try {
      await joined;
    } catch (error) {
      this.#end(channel, listener);
      throw error;
    }
    return () => {
      this.#end(channel, listener);
      return Promise.resolve();
    };
  }

  #end(channel: Channel, listener: Listener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
    if (this.#channels.get(channel.name) === channel) this.#channels.delete(channel.name);
    this.#part(channel);
  }

  async #join(channel: Channel): Promise<void> {
    const place = await this.#connector.locate(channel.name);
    let link = this.#links.get(place);
    if (link === undefined) {
      link = this.#open(place, channel.name);
      this.#links.set(place, link);
    }
    link.channels.add(channel);
    channel.link = link;
    try {
      const connection = await link.connection;
      await connection.subscribe(channel.name);
      // An end that came first has found it not joined yet, and left it to us.
      if (link.isOver && channel.listeners.size > 0) throw new Error("the connection ended while it subscribed");
      channel.isJoined = true;
    } catch (error) {
      this.#part(channel);
      throw error;
    }
    if (channel.listeners.size === 0) this.#part(channel);
  }

  #open(place: string, key: string): Link {
    const onMessage = (name: string, message: string): void => {
      for (const listener of this.#channels.get(name)?.listeners ?? []) listener.onMessage(message);
    };
    const connection = this.#connector.connect(key, { onMessage, onEnd: () => this.#lose(link) });
    const link: Link = { place, connection, channels: new Set(), isOver: false };
    connection.catch(() => this.#forget(link));
    return link;
  }

  #forget(link: Link): void {
    link.isOver = true;
    if (this.#links.get(link.place) === link) this.#links.delete(link.place);
  }

  /** Its connection has ended. */
  #lose(link: Link): void {
    if (link.isOver) return;
    this.#forget(link);
    for (const channel of link.channels) {
      if (!channel.isJoined) continue;
      channel.isJoined = false;
      channel.link = null;
      void this.#rejoin(channel);
    }
  }

  async #rejoin(channel: Channel): Promise<void> {
    for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
      const ms = pause * (1 - systemClock.random() / 2);
      await new Promise<void>((resolve) => {
        systemClock.setTimeout(resolve, ms, false);
      });
      if (channel.listeners.size === 0) return;
      try {
        await this.#join(channel);
      } catch {
        // The server is away, or the channel moves: again, for as long as somebody listens.
        continue;
      }
      for (const listener of channel.listeners) listener.onRejoin?.();
      return;
    }
  }

  #part(channel: Channel): void {
    const { link } = channel;
    channel.link = null;
    channel.isJoined = false;
    if (link === null || !link.channels.delete(channel) || link.isOver) return;
    const isLast = link.channels.size === 0;
    if (isLast) this.#forget(link);
    link.connection
      .then((connection) => (isLast ? connection.close() : connection.unsubscribe(channel.name)))
      .catch(() => {});
  }
}
