// Many calls, one report: aggregates a list of URLs, of which some fail. Nothing is thrown: each has an outcome. When
// more than half of the calls failed, the failed ones are answered from the last good answers, marked as such.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { batch } from "snowshed";

const seen = new Map<string, number>();
const server = createServer((request, response) => {
  const path = request.url ?? "/";
  const attempt = (seen.get(path) ?? 0) + 1;
  seen.set(path, attempt);
  if (path.startsWith("/down")) return void request.socket.destroy();
  response.statusCode = path === "/flaky" && attempt === 1 ? 503 : 200;
  response.end(`fresh ${path}`);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const lastGood = new Map([
  ["/down/prices", "yesterday's prices"],
  ["/down/stock", "yesterday's stock"],
]);

async function aggregate(paths: readonly string[]): Promise<void> {
  const report = await batch(
    paths,
    async (path, { signal }) => {
      const response = await fetch(origin + path, { signal });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.text();
    },
    {
      concurrency: 2,
      deadline: "20s", // For all of it, queueing and retries included.
      timeout: "10s", // For each attempt.
      retry: { attempts: 2, backoff: { initial: "1ms" } },
      fallback: {
        value(path) {
          const value = lastGood.get(path);
          if (value === undefined) throw new Error("nothing to fall back on");
          return value;
        },
      },
    },
  );
  const { ok, failed, fallback, retried } = report.stats;
  console.log(`ok ${ok}, failed ${failed}, fallback ${fallback}, retried ${retried}, degraded ${report.degraded}`);
  for (const { input, status, value, attempts } of report.outcomes) {
    console.log(`  ${input}: ${status} after ${attempts}, ${value ?? "no value"}`);
  }
}

await aggregate(["/user", "/flaky", "/orders", "/down/prices"]);
await aggregate(["/user", "/down/prices", "/down/stock", "/down/offers"]);
server.close();
server.closeAllConnections();

// Output:
// ok 3, failed 1, fallback 0, retried 2, degraded false
//   /user: ok after 1, fresh /user
//   /flaky: ok after 2, fresh /flaky
//   /orders: ok after 1, fresh /orders
//   /down/prices: failed after 2, no value
// ok 1, failed 1, fallback 2, retried 3, degraded true
//   /user: ok after 1, fresh /user
//   /down/prices: fallback after 2, yesterday's prices
//   /down/stock: fallback after 2, yesterday's stock
//   /down/offers: failed after 2, no value
