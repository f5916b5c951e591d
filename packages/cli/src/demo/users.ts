// A process of the demonstration: the users. They come when they come, however the others fare (an open loop), and the
// wait of each counts from then, so that a generator which is late cannot make a service look quick.
import process from "node:process";
import { Agent, request } from "undici";
import type { Fate, ToChild } from "./messages.ts";
import { onParent, tellParent } from "./messages.ts";
import { arrivals, patience } from "./timeline.ts";

const [gatewayPort = ""] = process.argv.slice(2);
const url = `http://127.0.0.1:${gatewayPort}/`;
const dispatcher = new Agent({ connections: null, pipelining: 1, keepAliveTimeout: 60_000 });

async function ask(signal: AbortSignal): Promise<Fate> {
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal });
    await body.dump();
    if (statusCode === 200) return "good";
    return statusCode === 503 || statusCode === 429 ? "shed" : "failed";
  } catch {
    return "failed";
  }
}

function run(plan: Extract<ToChild, { kind: "start" }>): void {
  const times = arrivals(plan.plan, plan.seed);
  const lags: number[] = [];
  const fates: (readonly [number, Fate, number])[] = [];
  const begin = performance.now();
  let next = 0;
  let open = 0;

  const flush = setInterval(() => {
    tellParent({ kind: "fates", fates: fates.splice(0) });
    if (next < times.length || open > 0) return;
    clearInterval(flush);
    lags.sort((a, b) => a - b);
    tellParent({ kind: "done", lag: lags[Math.floor(lags.length * 0.99)] ?? 0 });
  }, 100);

  const come = async (at: number): Promise<void> => {
    open++;
    const leave = new AbortController();
    const timer = setTimeout(() => leave.abort(), patience - (performance.now() - begin - at));
    const fate = await ask(leave.signal);
    clearTimeout(timer);
    open--;
    const latency = performance.now() - begin - at;
    fates.push([at, fate === "good" && latency > patience ? "failed" : fate, latency]);
  };

  const tick = (): void => {
    const now = performance.now() - begin;
    for (; next < times.length && times[next]! <= now; next++) {
      lags.push(now - times[next]!);
      void come(times[next]!);
    }
    if (next < times.length) setTimeout(tick, times[next]! - now);
  };
  tick();
}

onParent((message) => {
  if (message.kind === "start") run(message);
});
