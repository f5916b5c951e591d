import { Redis } from "ioredis";
import type { StageNote } from "../../run.ts";
import type { LiveReading } from "./live-facts.ts";
import { liveFacts, notAsked } from "./live-facts.ts";
import { withTimeLimit } from "./time-limit.ts";

const sections = ["server", "clients", "memory", "stats", "replication", "persistence"];

/** What of INFO becomes facts, as `info.<name>`. */
const figures = [
  "redis_version",
  "connected_clients",
  "blocked_clients",
  "used_memory",
  "maxmemory",
  "mem_not_counted_for_eviction",
  "mem_fragmentation_ratio",
  "evicted_keys",
  "rejected_connections",
  "role",
  "connected_slaves",
  "master_link_status",
  "rdb_last_bgsave_status",
  "aof_last_write_status",
];

export interface AskOptions {
  readonly path: readonly (string | number)[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Asks a Redis or Valkey for its settings and figures: CONFIG GET and INFO, nothing that changes anything. */
export async function askRedis(address: string, { path, timeoutMs, signal }: AskOptions): Promise<LiveReading> {
  const url = new URL(address.includes("://") ? address : `redis://${address}`);
  const server = `${url.protocol}//${url.host}`;
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    return notAsked(server, "it is not redis:// or rediss://");
  const client = new Redis({
    host: url.hostname.replaceAll(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectionName: "snowshed-gate-audit",
  });
  // Without a listener each failed attempt would be written to stderr.
  let failure: unknown;
  client.on("error", (error) => (failure ??= error));
  try {
    return await withTimeLimit(timeoutMs, signal, async (limited) => {
      // What waits for a connection or an answer rejects with it.
      limited.addEventListener("abort", () => {
        failure ??= limited.reason;
        client.disconnect();
      });
      await client.connect();
      return readAll(client, server, path);
    });
  } catch (error) {
    return notAsked(server, failure ?? error);
  } finally {
    client.disconnect();
  }
}

async function readAll(client: Redis, server: string, path: AskOptions["path"]): Promise<LiveReading> {
  const info = parseInfo((await Promise.all(sections.map((section) => client.info(section)))).join("\n"));
  const notes: StageNote[] = [];
  const settings = await settingsOf(client).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `${server} does not tell its settings (CONFIG GET): ${reason}`;
    notes.push({ kind: "skipped", rule: null, message });
    return {};
  });
  const figured = Object.fromEntries(figures.map((name) => [`info.${name}`, info.get(name)]));
  return { facts: liveFacts("redis", server, path, { ...settings, ...figured }), notes };
}

async function settingsOf(client: Redis): Promise<Readonly<Record<string, string>>> {
  const pairs = (await client.config("GET", "*")) as readonly string[];
  const settings: Record<string, string> = {};
  for (let index = 0; index + 1 < pairs.length; index += 2) settings[pairs[index]!] = pairs[index + 1]!;
  return settings;
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) values.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return values;
}
