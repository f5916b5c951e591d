import { CapacityFailure } from "../capacity-failure.ts";
import type { Sample } from "../measurement.ts";
import { hostOf, portOf } from "../target.ts";
import type { Driver, DriverOptions } from "./driver.ts";
import { emptySample, invalidSample } from "./driver.ts";
import { connectRedis } from "./redis-client.ts";
import { findProgram, reasonOf, runProgram } from "./program.ts";

/** What its SET writes, as it is. */
const leftKey = "key:__rand_int__";

interface Row {
  readonly perSecond: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

/** `redis-benchmark -t set,get`, as the article runs it: a closed loop, whose load is its clients. */
export function redisBenchmark(options: DriverOptions): Driver {
  const { url, stepSeconds, valueBytes } = options;
  let program = "";
  /** Of SET and GET, so that a step takes about as long as it should: there is no option for a time. */
  let perSecond = 0;
  let leaves = false;

  const run = async (clients: number, requests: number, signal: AbortSignal): Promise<Row[] | string> => {
    const args = ["-h", hostOf(url), "-p", String(portOf(url))];
    if (url.username !== "") args.push("--user", decodeURIComponent(url.username));
    // It takes the password from nowhere else: others on this machine can see it while it runs.
    if (url.password !== "") args.push("-a", decodeURIComponent(url.password));
    if (url.protocol === "rediss:") args.push("--tls");
    if (/^\/\d+$/.test(url.pathname)) args.push("--dbnum", url.pathname.slice(1));
    if (valueBytes !== undefined) args.push("-d", String(valueBytes));
    args.push("-t", "set,get", "-c", String(clients), "-n", String(requests), "--csv");
    const ended = await runProgram(program, args, { signal, limitMs: stepSeconds * 10_000 + 30_000 });
    const rows = readRows(ended.stdout);
    return ended.code === 0 && rows.length === 2 ? rows : reasonOf("redis-benchmark", ended);
  };

  return {
    unit: "clients",
    order: "shuffled",
    async open(signal) {
      program = await findProgram("redis-benchmark", "apt-get install redis-tools", options);
      const redis = await connectRedis(url);
      leaves = (await redis.exists(leftKey)) === 0;
      redis.disconnect();
      const rows = await run(4, 2000, signal);
      if (typeof rows === "string") throw new CapacityFailure(rows);
      perSecond = together(rows);
    },
    async measure(clients, signal): Promise<Sample> {
      const requests = Math.max(1000, clients * 10, Math.round((perSecond * stepSeconds) / 2));
      const rows = await run(clients, requests, signal);
      if (typeof rows === "string") return invalidSample(clients, rows);
      perSecond = together(rows);
      const p50 = rows.map((row) => row.p50).filter((value) => value !== null);
      const p99 = rows.map((row) => row.p99).filter((value) => value !== null);
      return {
        ...emptySample,
        throughput: perSecond,
        concurrency: clients,
        p50: p50.length === 2 ? (p50[0]! + p50[1]!) / 2 : null,
        p99: p99.length === 2 ? Math.max(...p99) : null,
      };
    },
    async close() {
      if (!leaves) return;
      const redis = await connectRedis(url).catch(() => undefined);
      await redis?.unlink(leftKey).catch(() => {});
      redis?.disconnect();
    },
  };
}

/** Of tests that run one after the other, with as many requests each. */
function together(rows: readonly Row[]): number {
  return rows.length / rows.reduce((seconds, row) => seconds + 1 / row.perSecond, 0);
}

/** Its CSV: a line of names since Redis 6.2, `"test","rps"` alone before that. */
function readRows(csv: string): Row[] {
  const lines = csv.split("\n").map((line) => line.split(",").map((cell) => cell.trim().replaceAll('"', "")));
  const names = lines.find(([first]) => first === "test") ?? ["test", "rps"];
  return lines.flatMap((cells) => {
    const read = (name: string): number | null => {
      const value = Number(cells[names.indexOf(name)] ?? Number.NaN);
      return Number.isFinite(value) ? value : null;
    };
    const perSecond = read("rps");
    if (cells[0] === "test" || perSecond === null || perSecond <= 0) return [];
    return { perSecond, p50: read("p50_latency_ms"), p99: read("p99_latency_ms") };
  });
}
