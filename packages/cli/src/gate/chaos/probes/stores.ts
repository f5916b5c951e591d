import type { Redis } from "ioredis";
import { ChaosRefusal, endpointText, toEndpoint } from "../targets.ts";
import { probeFields } from "./fields.ts";
import type { ProbeFactory } from "./probe.ts";
import { timed } from "./probe.ts";

const probeKey = "snowshed:chaos:probe";

/**
 * `redis`: PING at `url` or `target`; with `write`, a SET of a key that expires. With `sentinels` and `master`, the master
 * that they name is asked, as a client does that follows a failover.
 */
export const redisProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const url = fields.optionalText("url");
  const target = fields.optionalText("target");
  const sentinels = fields.texts("sentinels")?.map((each) => toEndpoint(each, "a Sentinel"));
  const master = fields.optionalText("master");
  const isWrite = fields.flag("write");
  const timeoutMs = fields.number("timeoutMs", 5000);
  fields.end();
  const address =
    url ?? (target === undefined ? undefined : `redis://${endpointText(toEndpoint(target, "the target"))}`);
  if ((address === undefined) === (sentinels === undefined || master === undefined)) {
    throw new ChaosRefusal("probe redis: give url, target, or sentinels with the name of their master");
  }
  const options = {
    lazyConnect: true,
    // What it would ask at first is not what is to be measured.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: timeoutMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...(address === undefined && { sentinels: sentinels!.map(({ host, port }) => ({ host, port })), name: master! }),
  };
  const sample = async (signal: AbortSignal): Promise<string> => {
    const { Redis: Client } = await import("ioredis");
    // A connection for each: what is asked is whether a client can get to work.
    const client: Redis = address === undefined ? new Client(options) : new Client(address, options);
    client.on("error", () => {});
    const stop = (): void => client.disconnect();
    signal.addEventListener("abort", stop, { once: true });
    try {
      await client.connect();
      const answer = isWrite ? await client.set(probeKey, String(Date.now()), "EX", 60) : await client.ping();
      return answer ?? "";
    } finally {
      signal.removeEventListener("abort", stop);
      client.disconnect();
    }
  };
  return {
    name: `redis${isWrite ? " write" : ""} ${target ?? master ?? new URL(address!).host}`,
    sample: (signal) => timed(timeoutMs, signal, sample),
    close: async () => {},
  };
};

/**
 * `etcd`: a read that the leader must confirm is answered by one of `endpoints`; with `all`, by each of them. Over the JSON
 * gateway, which every member has.
 */
export const etcdProbe: ProbeFactory = (config) => {
  const fields = probeFields(config);
  const endpoints = (fields.texts("endpoints") ?? []).map((each) => each.replace(/\/$/, ""));
  const isAll = fields.flag("all");
  const timeoutMs = fields.number("timeoutMs", 5000);
  fields.end();
  if (endpoints.length === 0) throw new ChaosRefusal("probe etcd: endpoints is missing");
  const urls = endpoints.map((each) => {
    const text = each.includes("://") ? each : `http://${endpointText(toEndpoint(each, "an etcd endpoint"))}`;
    if (URL.canParse(text)) return `${text}/v3/kv/range`;
    throw new ChaosRefusal("probe etcd: an endpoint is host:port or begins with http:// or https://");
  });
  return {
    name: `etcd ${endpoints.length === 1 ? endpoints[0]! : `${isAll ? "all of " : ""}${endpoints.length} members`}`,
    sample: (signal) =>
      timed(timeoutMs, signal, async (both) => {
        const asked = urls.map((url) => ask(url, both));
        return isAll ? (await Promise.all(asked))[0]! : Promise.any(asked);
      }),
    close: async () => {},
  };
};

async function ask(url: string, signal: AbortSignal): Promise<string> {
  const body = JSON.stringify({ key: Buffer.from(probeKey).toString("base64") });
  const response = await fetch(url, { method: "POST", body, signal });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`status ${response.status}`);
  return "answered";
}
