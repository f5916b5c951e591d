// A fetch that a dead service cannot hold up: retries from a budget, then a breaker that refuses at once, and a careful
// return when the service is back. The clock stands still until it is moved; in a service, leave it out.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SnowshedError } from "snowshed";
import { Origins, wrapFetch } from "snowshed/http";
import { FakeClock } from "snowshed/testing";

let healthy = true;
let requests = 0;
const server = createServer((request, response) => {
  requests++;
  if (!healthy) return void request.socket.destroy();
  response.end(`stock of ${request.url}`);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const clock = new FakeClock();
const origins = new Origins({ clock });
const protectedFetch = wrapFetch(fetch, {
  origins,
  deadline: "10s", // For each call, all attempts included
  retry: { backoff: { initial: 0 } }, // So that the example need not wait
});

async function stock(item: string): Promise<string> {
  try {
    const call = protectedFetch(`${origin}/${item}`);
    const waiting = setInterval(() => void clock.advance(0), 1);
    const response = await call.finally(() => clearInterval(waiting));
    return await response.text();
  } catch (error) {
    return error instanceof SnowshedError ? error.code : String(error);
  }
}

async function report(title: string, calls: number): Promise<void> {
  requests = 0;
  const answers: string[] = [];
  for (let call = 0; call < calls; call++) answers.push(await stock("shoes"));
  const { breaker, limiter } = origins.get(origin);
  console.log(`${title}: ${requests} requests for ${calls} calls; ${breaker?.state}, ${limiter?.inflight} in flight`);
  for (const answer of new Set(answers)) console.log(`  ${answer}`);
}

await report("healthy", 3);
healthy = false;
await report("down", 20);
healthy = true;
await report("back, too early", 2);
await clock.advance("5s");
await report("back", 10);
server.close();
server.closeAllConnections();

// Output:
// healthy: 3 requests for 3 calls; closed, 0 in flight
//   stock of /shoes
// down: 5 requests for 20 calls; open, 0 in flight
//   TypeError: fetch failed
//   SNOWSHED_CIRCUIT_OPEN
// back, too early: 0 requests for 2 calls; open, 0 in flight
//   SNOWSHED_CIRCUIT_OPEN
// back: 10 requests for 10 calls; closed, 0 in flight
//   stock of /shoes
