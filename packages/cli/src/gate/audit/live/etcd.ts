import type { LiveReading } from "./live-facts.ts";
import { liveFacts, notAsked } from "./live-facts.ts";
import type { AskOptions } from "./redis.ts";
import { withTimeLimit } from "./time-limit.ts";

/** Larger than any /metrics of etcd. */
const mostBytes: number = 16 * 1024 * 1024;

const gauges = [
  "etcd_server_has_leader",
  "etcd_server_is_leader",
  "etcd_server_leader_changes_seen_total",
  "etcd_server_quota_backend_bytes",
  "etcd_mvcc_db_total_size_in_bytes",
  "etcd_mvcc_db_total_size_in_use_in_bytes",
  "etcd_server_heartbeat_send_failures_total",
  "process_max_fds",
  "process_open_fds",
];

const histograms = {
  "p99.wal-fsync-seconds": "etcd_disk_wal_fsync_duration_seconds",
  "p99.backend-commit-seconds": "etcd_disk_backend_commit_duration_seconds",
  "p99.peer-rtt-seconds": "etcd_network_peer_round_trip_time_seconds",
};

/** Asks an etcd: /metrics, and the status that its maintenance service gives. */
export async function askEtcd(address: string, { path, timeoutMs, signal }: AskOptions): Promise<LiveReading> {
  const url = new URL(address.includes("://") ? address : `http://${address}`);
  const server = `${url.protocol}//${url.host}`;
  if (url.protocol !== "http:" && url.protocol !== "https:") return notAsked(server, "it is not http:// or https://");
  const headers: Record<string, string> = {};
  if (url.username !== "") {
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers["authorization"] = `Basic ${Buffer.from(user).toString("base64")}`;
  }
  const ask = (place: string, init: RequestInit): Promise<string> =>
    withTimeLimit(timeoutMs, signal, async (limited) => {
      const response = await fetch(`${server}${place}`, { ...init, headers, signal: limited });
      if (!response.ok) throw new Error(`${place} answers ${response.status}`);
      return bounded(response);
    });
  try {
    const metrics = parseMetrics(await ask("/metrics", {}));
    if (![...metrics.keys()].some((name) => name.startsWith("etcd_"))) {
      return notAsked(server, "its /metrics has nothing of etcd: is it another server?");
    }
    const values: Record<string, string | number | undefined> = {};
    for (const name of gauges) values[`metric.${name}`] = metrics.get(name)?.[0]?.value;
    for (const [name, metric] of Object.entries(histograms))
      values[name] = quantile(metrics.get(`${metric}_bucket`) ?? [], 0.99);
    // Older servers have it elsewhere, or not at all.
    const status = (await ask("/v3/maintenance/status", { method: "POST", body: "{}" })
      .then(JSON.parse)
      .catch(() => ({}))) as Status;
    const errors = Array.isArray(status.errors) ? status.errors.join("; ") : undefined;
    Object.assign(values, {
      "status.version": status.version,
      "status.dbSize": status.dbSize,
      "status.errors": errors,
    });
    return { facts: liveFacts("etcd", server, path, values), notes: [] };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return notAsked(server, cause);
  }
}

interface Status {
  readonly version?: string;
  readonly dbSize?: string;
  readonly errors?: readonly string[];
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > mostBytes) throw new Error("the answer is larger than 16 MiB");
  }
  return text;
}

interface Sample {
  readonly value: number;
  /** The upper bound of a bucket. */
  readonly le: number;
}

function parseMetrics(text: string): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (match === null) continue;
    const [, name = "", labels = "", value] = match;
    const le = /(?:^|,)le="([^"]*)"/.exec(labels)?.[1];
    const sample = { value: Number(value), le: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le) };
    const known = samples.get(name);
    if (known === undefined) samples.set(name, [sample]);
    else known.push(sample);
  }
  return samples;
}

/** The upper bound of the bucket that the quantile falls into, over all series, since the server started. */
function quantile(buckets: readonly Sample[], rank: number): number | undefined {
  const sums = new Map<number, number>();
  for (const { le, value } of buckets) sums.set(le, (sums.get(le) ?? 0) + value);
  const total = sums.get(Number.POSITIVE_INFINITY) ?? 0;
  if (total === 0) return undefined;
  const bounds = [...sums.keys()].toSorted((a, b) => a - b);
  return bounds.find((le) => sums.get(le)! >= rank * total);
}
