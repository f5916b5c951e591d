import { systemClock } from "../../clock.ts";
import { hashSlot } from "./hash-slot.ts";
import type { Script } from "./port.ts";
import type { ConnectionEvents, RedisConnection, RedisConnector } from "./redis-connector.ts";
import { evaluate } from "./redis-connector.ts";
import type { NodeRedisLike } from "./redis-like.ts";

type OnMessage = (message: string, channel: string) => void;

/** What a client has besides. */
interface Node extends NodeRedisLike {
  readonly options?: { readonly socket?: object; readonly commandOptions?: object };
  readonly isOpen: boolean;
  duplicate(options: object): Node;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  wait(count: number, ms: number): Promise<unknown>;
  subscribe(channel: string, listener: OnMessage): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  sSubscribe(channel: string, listener: OnMessage): Promise<unknown>;
  sUnsubscribe(channel: string): Promise<unknown>;
}

interface Sentinel extends NodeRedisLike {
  getMasterNode(): unknown;
  /** Hands `task` the client of the master. */
  _execute<T>(isReadOnly: boolean, task: (node: Node) => Promise<T>): Promise<T>;
}

/** Of version 6, which applies it to keys and not to channels. A Sentinel or a Cluster keeps it from its nodes. */
interface Prefixed {
  readonly _keyPrefix?: unknown;
}

interface Shard {
  readonly master: { readonly address: string };
}

interface Cluster extends NodeRedisLike {
  readonly slots: readonly (Shard | undefined)[];
  nodeClient(node: Shard["master"]): Node | Promise<Node>;
}

/** By version 6 each command makes an AbortSignal for its timeout, which costs more than the command. */
const commandOptions = { timeout: 0, typeMapping: {} };

function run(client: NodeRedisLike, script: Script, keys: readonly string[], args: readonly (string | number)[]) {
  const options = { keys: [...keys], arguments: args.map(String) };
  return evaluate(
    () => client.evalSha(script.sha1, options),
    () => client.eval(script.source, options),
  );
}

function withoutTimeout<Client extends NodeRedisLike>(client: Client): Client {
  const { withCommandOptions } = client as Client & { withCommandOptions?: (options: object) => Client };
  return withCommandOptions === undefined ? client : withCommandOptions.call(client, commandOptions);
}

/** node-redis. @internal */
export class NodeRedisConnector implements RedisConnector {
  readonly isSharded: boolean;
  readonly #client: NodeRedisLike;
  /** The same client. */
  readonly #untimed: NodeRedisLike;

  constructor(client: NodeRedisLike) {
    this.#client = client;
    this.#untimed = withoutTimeout(client);
    this.isSharded = typeof (client as Partial<Cluster>).nodeClient === "function";
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return run(this.#untimed, script, keys, args);
  }

  append(key: string, value: string): Promise<unknown> {
    return this.#untimed.append(key, value);
  }

  async locate(key: string): Promise<string> {
    return this.isSharded ? (await this.#masterOf(key)).address : "";
  }

  async connect(key: string, events: ConnectionEvents): Promise<RedisConnection> {
    const source = await this.#nodeOf(key);
    const node = source.duplicate({
      // Parsed already: once more, and it would put its own socket in the place of this one.
      url: undefined,
      socket: { ...source.options?.socket, reconnectStrategy: false },
      commandOptions,
      readonly: false,
      keyPrefix: undefined,
    });
    // Without a listener an error ends the process. What it means for us, the end says.
    node.on("error", () => {
      if (!node.isOpen) events.onEnd();
    });
    node.on("end", () => events.onEnd());
    // The server has moved the slot, and the client forgotten the channel. Not at once: a client that is destroyed while it
    // reads never stops reading.
    node.on("sharded-channel-moved", () => {
      systemClock.setTimeout(() => {
        if (node.isOpen) node.destroy();
      }, 0);
    });
    try {
      await node.connect();
    } catch (error) {
      if (node.isOpen) node.destroy();
      throw error;
    }
    return new NodeRedisConnection(node, this.isSharded, this.#keyPrefix, events);
  }

  get #keyPrefix(): string {
    const { _keyPrefix = "" } = this.#client as Prefixed;
    return String(_keyPrefix);
  }

  async #masterOf(key: string): Promise<Shard["master"]> {
    // It is corrected by MOVED if it knows an old place.
    await this.#untimed.exists(key);
    const shard = (this.#client as Cluster).slots[hashSlot(this.#keyPrefix + key)];
    if (shard === undefined) throw new Error(`the cluster has no master for ${key}`);
    return shard.master;
  }

  async #nodeOf(key: string): Promise<Node> {
    if (this.isSharded) return (this.#client as Cluster).nodeClient(await this.#masterOf(key));
    const { getMasterNode } = this.#client as Partial<Sentinel>;
    if (getMasterNode === undefined) return this.#client as Node;
    return (this.#client as Sentinel)._execute(false, (node) => Promise.resolve(node));
  }
}

class NodeRedisConnection implements RedisConnection {
  readonly #node: Node;
  readonly #isSharded: boolean;
  readonly #keyPrefix: string;
  readonly #events: ConnectionEvents;

  constructor(node: Node, isSharded: boolean, keyPrefix: string, events: ConnectionEvents) {
    this.#node = node;
    this.#isSharded = isSharded;
    this.#keyPrefix = keyPrefix;
    this.#events = events;
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const prefixed = keys.map((key) => this.#keyPrefix + key);
    return run(this.#node, script, prefixed, args);
  }

  async wait(count: number, ms: number): Promise<number> {
    return Number(await this.#node.wait(count, ms));
  }

  subscribe(channel: string): Promise<unknown> {
    const listener: OnMessage = (message) => this.#events.onMessage(channel, message);
    return this.#isSharded ? this.#node.sSubscribe(channel, listener) : this.#node.subscribe(channel, listener);
  }

  unsubscribe(channel: string): Promise<unknown> {
    return this.#isSharded ? this.#node.sUnsubscribe(channel) : this.#node.unsubscribe(channel);
  }

  close(): void {
    if (this.#node.isOpen) this.#node.destroy();
  }
}
