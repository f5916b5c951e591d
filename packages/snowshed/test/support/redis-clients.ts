import { Cluster, Redis } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import { Cluster as ValkeyCluster, Redis as Valkey } from "iovalkey";
import { createClient, createCluster, createSentinel } from "redis";
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from "redis5";
import type { RedisLike } from "../../src/adapters/redis/redis-like.ts";

/** What a client is given to find its servers. */
export type RedisTopology =
  | { readonly kind: "single"; readonly port: number; readonly password?: string }
  | { readonly kind: "sentinel"; readonly name: string; readonly ports: readonly number[] }
  | { readonly kind: "cluster"; readonly ports: readonly number[] };

export interface TestClient {
  readonly client: RedisLike;
  /** Ends its connections, also if its server is away. */
  readonly close: () => Promise<void>;
}

/** Makes a client that is connected, or will be when its server is there. `options` are the library's own, for each node. */
type Connect = (topology: RedisTopology, options?: object) => Promise<TestClient>;

const host = "127.0.0.1";
const placesOf = (ports: readonly number[]): { host: string; port: number }[] => ports.map((port) => ({ host, port }));

interface IoRedisMaker {
  readonly redis: (options: object) => RedisLike;
  readonly cluster: (nodes: { host: string; port: number }[], options: object) => RedisLike;
}

interface IoRedis {
  on(event: string, listener: () => void): unknown;
  disconnect(): void;
}

function ioRedis(make: IoRedisMaker): Connect {
  return async (topology, options = {}) => {
    let client: RedisLike;
    if (topology.kind === "single") {
      const { port, password } = topology;
      client = make.redis({ host, port, ...(password === undefined ? {} : { password }), ...options });
    } else if (topology.kind === "sentinel") {
      const { name, ports } = topology;
      client = make.redis({ sentinels: placesOf(ports), name, ...options });
    } else client = make.cluster(placesOf(topology.ports), { redisOptions: options });
    const emitter = client as unknown as IoRedis;
    emitter.on("error", () => {});
    return {
      client,
      close: () => {
        emitter.disconnect();
        return Promise.resolve();
      },
    };
  };
}

interface NodeRedisMaker {
  readonly client: (options: object) => RedisLike;
  readonly sentinel: (options: object) => RedisLike;
  readonly cluster: (options: object) => RedisLike;
}

interface NodeRedis {
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): unknown;
  readonly isOpen: boolean;
}

function nodeRedis(make: NodeRedisMaker): Connect {
  return async (topology, options = {}) => {
    // Of the whole, and not of each node.
    const { keyPrefix, ...ofNodes } = options as { readonly keyPrefix?: string };
    const whole = keyPrefix === undefined ? {} : { keyPrefix };
    let client: RedisLike;
    if (topology.kind === "single") {
      const { port, password } = topology;
      client = make.client({ socket: { host, port }, ...(password === undefined ? {} : { password }), ...options });
    } else if (topology.kind === "sentinel") {
      const { name, ports } = topology;
      client = make.sentinel({ name, sentinelRootNodes: placesOf(ports), nodeClientOptions: ofNodes, ...whole });
    } else {
      const rootNodes = placesOf(topology.ports).map((socket) => ({ socket }));
      client = make.cluster({ rootNodes, defaults: ofNodes, ...whole });
    }
    const emitter = client as unknown as NodeRedis;
    emitter.on("error", () => {});
    const connected = emitter.connect();
    // One whose server is away goes on trying: that is what some tests are about.
    connected.catch(() => {});
    await Promise.race([connected, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    return {
      client,
      close: async () => {
        try {
          await emitter.destroy();
        } catch {
          // It had closed itself.
        }
      },
    };
  };
}

/** All clients that the Redis adapters are made for. */
export const clients: Readonly<Record<string, Connect>> = {
  "ioredis 6": ioRedis({
    redis: (options) => new Redis(options),
    cluster: (nodes, options) => new Cluster(nodes, options),
  }),
  "ioredis 5": ioRedis({
    redis: (options) => new Redis5(options),
    cluster: (nodes, options) => new Cluster5(nodes, options),
  }),
  iovalkey: ioRedis({
    redis: (options) => new Valkey(options),
    cluster: (nodes, options) => new ValkeyCluster(nodes, options),
  }),
  "node-redis 6": nodeRedis({
    client: (options) => createClient(options),
    sentinel: (options) => createSentinel(options as Parameters<typeof createSentinel>[0]),
    cluster: (options) => createCluster(options as Parameters<typeof createCluster>[0]),
  }),
  "node-redis 5": nodeRedis({
    client: (options) => createClient5(options),
    sentinel: (options) => createSentinel5(options as Parameters<typeof createSentinel5>[0]),
    cluster: (options) => createCluster5(options as Parameters<typeof createCluster5>[0]),
  }),
};
