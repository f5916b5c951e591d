import { hashSlot } from "./hash-slot.ts";
import type { Script } from "./port.ts";
import type { ConnectionEvents, RedisConnection, RedisConnector } from "./redis-connector.ts";
import { evaluate } from "./redis-connector.ts";
import type { IoRedisLike } from "./redis-like.ts";

/** What a `Redis` has besides. */
interface Node extends IoRedisLike {
  readonly options: { readonly keyPrefix?: string; readonly host?: string; readonly port?: number };
  duplicate(options: object): Node;
  connect(): Promise<void>;
  disconnect(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  wait(count: number, ms: number): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  sunsubscribe(channel: string): Promise<unknown>;
}

/** What a `Cluster` has besides. */
interface Cluster extends IoRedisLike {
  readonly isCluster: boolean;
  readonly options: { readonly keyPrefix?: string };
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: "master"): readonly Node[];
}

function run(client: IoRedisLike, script: Script, keys: readonly string[], args: readonly (string | number)[]) {
  const words = [...keys, ...args];
  return evaluate(
    () => client.evalsha(script.sha1, keys.length, ...words),
    () => client.eval(script.source, keys.length, ...words),
  );
}

/** ioredis and iovalkey. @internal */
export class IoRedisConnector implements RedisConnector {
  readonly isSharded: boolean;
  readonly #client: IoRedisLike;

  constructor(client: IoRedisLike) {
    this.#client = client;
    this.isSharded = (client as Partial<Cluster>).isCluster === true;
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return run(this.#client, script, keys, args);
  }

  append(key: string, value: string): Promise<unknown> {
    return this.#client.append(key, value);
  }

  async locate(key: string): Promise<string> {
    if (!this.isSharded) return "";
    // It connects if it has not, and is corrected by MOVED if it knows an old place.
    await this.#client.exists(key);
    const { keyPrefix = "" } = (this.#client as Cluster).options;
    const master = (this.#client as Cluster).slots[hashSlot(keyPrefix + key)]?.[0];
    if (master === undefined) throw new Error(`the cluster has no master for ${key}`);
    return master;
  }

  async connect(key: string, events: ConnectionEvents): Promise<RedisConnection> {
    let source = this.#client as Node;
    if (this.isSharded) {
      const place = await this.locate(key);
      const nodes = (this.#client as Cluster).nodes("master");
      const node = nodes.find(({ options }) => `${options.host}:${options.port}` === place);
      if (node === undefined) throw new Error(`the cluster has no connection to its master ${place}`);
      source = node;
    }
    const keyPrefix = (this.#client as Node).options.keyPrefix ?? "";
    const options = {
      lazyConnect: true,
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      reconnectOnError: null,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      enableAutoPipelining: false,
      // Of the user's own commands: WAIT may take longer.
      commandTimeout: undefined,
      readOnly: false,
      // Keys get the prefix, and channels too where they are sharded; what a script publishes does not.
      keyPrefix: "",
    };
    const node = source.duplicate(options);
    let isConnected = false;
    // Without a listener an error is printed. One that comes later leaves a connection in an unknown state.
    node.on("error", () => {
      if (isConnected) node.disconnect();
    });
    node.on("end", () => events.onEnd());
    // The server has moved the slot, and forgotten the channel.
    node.on("moved", () => node.disconnect());
    const onMessage = (channel: string, message: string): void => events.onMessage(channel, message);
    node.on(this.isSharded ? "smessage" : "message", onMessage);
    try {
      await node.connect();
    } catch (error) {
      node.disconnect();
      throw error;
    }
    isConnected = true;
    return new IoRedisConnection(node, this.isSharded, keyPrefix);
  }
}

class IoRedisConnection implements RedisConnection {
  readonly #node: Node;
  readonly #isSharded: boolean;
  readonly #keyPrefix: string;

  constructor(node: Node, isSharded: boolean, keyPrefix: string) {
    this.#node = node;
    this.#isSharded = isSharded;
    this.#keyPrefix = keyPrefix;
  }

  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const prefixed = keys.map((key) => this.#keyPrefix + key);
    return run(this.#node, script, prefixed, args);
  }

  async wait(count: number, ms: number): Promise<number> {
    return Number(await this.#node.wait(count, ms));
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#isSharded ? this.#node.ssubscribe(channel) : this.#node.subscribe(channel);
  }

  unsubscribe(channel: string): Promise<unknown> {
    return this.#isSharded ? this.#node.sunsubscribe(channel) : this.#node.unsubscribe(channel);
  }

  close(): void {
    this.#node.disconnect();
  }
}
