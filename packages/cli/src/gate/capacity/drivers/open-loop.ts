import type { Redis } from "ioredis";
import { Agent, request } from "undici";
import { CapacityFailure } from "../capacity-failure.ts";
import { maskedTarget } from "../target.ts";
import type { Driver, DriverOptions } from "./driver.ts";
import { connectRedis } from "./redis-client.ts";
import type { Schedule } from "./schedule.ts";
import { runSchedule } from "./schedule.ts";

const patienceMs = 1000;
const redisConnections = 16;
const keys = 1000;

/** Our own generator, whose load is a rate: requests come whether or not the others were served. */
export function openLoop(options: DriverOptions): Driver {
  const { url, stepSeconds, seed } = options;
  const load = url.protocol.startsWith("redis") ? redisLoad(options) : httpLoad(url);
  let step = 0;
  return {
    unit: "requests per second",
    order: "shuffled",
    open: () => load.open(),
    measure: (rate, signal) => {
      step++;
      const schedule = { rate, seconds: stepSeconds, seed: seed + step, patienceMs, signal };
      return runSchedule({ ...schedule, request: load.request });
    },
    close: () => load.close(),
  };
}

interface Load {
  readonly open: () => Promise<void>;
  readonly request: Schedule["request"];
  readonly close: () => Promise<void>;
}

function httpLoad(url: URL): Load {
  const dispatcher = new Agent({ connections: 1000, pipelining: 1, keepAliveTimeout: 60_000 });
  const ask = async (_: number, signal: AbortSignal): Promise<void> => {
    const { statusCode, body } = await request(url, { dispatcher, signal });
    await body.dump();
    if (statusCode >= 400) throw new Error(`status ${statusCode}`);
  };
  return {
    async open() {
      try {
        await ask(0, AbortSignal.timeout(5000));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new CapacityFailure(`${maskedTarget(url)} does not answer: ${message}`);
      }
    },
    request: ask,
    close: () => dispatcher.destroy(),
  };
}

/** GET and SET by turns, on keys of its own. */
function redisLoad({ url, valueBytes = 3 }: DriverOptions): Load {
  const clients: Redis[] = [];
  const value = "x".repeat(valueBytes);
  return {
    async open() {
      for (let count = 0; count < redisConnections; count++) clients.push(await connectRedis(url));
    },
    request: async (index) => {
      const client = clients[index % clients.length]!;
      await (index % 2 === 0 ? client.set(keyOf(index), value) : client.get(keyOf(index - 1)));
    },
    async close() {
      const [client] = clients;
      const all = Array.from({ length: keys }, (_, index) => keyOf(index));
      await client?.unlink(...all).catch(() => {});
      for (const each of clients) each.disconnect();
    },
  };
}

function keyOf(index: number): string {
  return `snowshed:capacity:${index % keys}`;
}
