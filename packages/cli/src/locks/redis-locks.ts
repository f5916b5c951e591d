import { Cluster, Redis } from "ioredis";
import { RedisSemaphore } from "snowshed/redis";
import type { Lock, LockSource } from "./lock-source.ts";

/** How many keys a server is asked to look at in one step. */
const scanStep = 1000;

/** The semaphores on a Redis or Valkey server, or on the Cluster that it belongs to. */
export async function redisLocks(url: URL, prefix: string, timeout: number): Promise<LockSource> {
  const options = optionsOf(url, timeout);
  const first = new Redis(options);
  const address = `${url.protocol}//${options.host}:${options.port}`;
  let client: Redis | Cluster = first;
  let failure: unknown;
  // Without a listener each failed attempt would be written to stderr.
  first.on("error", (error) => (failure ??= error));
  try {
    await first.connect();
    if (/^cluster_enabled:1/m.test(await first.info("cluster"))) {
      const { host, port, db: _db, retryStrategy: _retryStrategy, ...redisOptions } = options;
      client = new Cluster([{ host, port }], { redisOptions, clusterRetryStrategy: () => null });
      client.on("error", () => {});
      first.disconnect();
      // Until it has answered, its members are not known.
      await client.ping();
    }
  } catch (error) {
    first.disconnect();
    throw failure ?? error;
  }
  const semaphores = new Map<string, RedisSemaphore>();
  return {
    address,
    async names() {
      const servers = client instanceof Cluster ? client.nodes("master") : [client];
      const found = await Promise.all(servers.map((server) => scan(server, prefix)));
      return found.flat();
    },
    async exists(name) {
      return (await client.exists(`{${prefix}:${name}}`)) === 1;
    },
    lock(name): Lock {
      // Of a semaphore that exists its own number of permits holds.
      const semaphore =
        semaphores.get(name) ?? new RedisSemaphore(client, name, { permits: 0, prefix, commandTimeout: timeout });
      semaphores.set(name, semaphore);
      return { name, inspect: () => semaphore.inspect(), releaseHolder: (id) => semaphore.releaseHolder(id) };
    },
    async close() {
      await Promise.all([...semaphores.values()].map((semaphore) => semaphore.close()));
      client.disconnect();
    },
  };
}

function optionsOf(url: URL, timeout: number) {
  const { username, password, pathname, hostname, port } = url;
  return {
    host: hostname.replaceAll(/^\[|\]$/g, ""),
    port: port === "" ? 6379 : Number(port),
    db: Number(pathname.slice(1)),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
    lazyConnect: true,
    connectTimeout: timeout,
    commandTimeout: timeout,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectionName: "snowshed-locks",
  };
}

/** The names of the semaphores on one server. */
async function scan(server: Redis, prefix: string): Promise<string[]> {
  const begin = `{${prefix}:`;
  // Stars and the like in a prefix are themselves.
  const pattern = `${begin.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*}`;
  const names = new Set<string>();
  let cursor = "0";
  do {
    const [next, keys] = await server.scan(cursor, "MATCH", pattern, "COUNT", scanStep, "TYPE", "string");
    for (const key of keys) names.add(key.slice(begin.length, -1));
    cursor = next;
  } while (cursor !== "0");
  return [...names].filter((name) => !/[{}]/.test(name));
}
