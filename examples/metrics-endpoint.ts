// A service that Prometheus can scrape: a limiter, a breaker and a pool that were added, and with diagnostics all tasks and
// waits. What is asked for here is what a scrape would get.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CircuitBreaker, fixed, Group, Limiter, Semaphore } from "snowshed";
import { disable, enable } from "snowshed/diagnostics";
import { exposition, Metrics } from "snowshed/prometheus";
import { Pool } from "snowshed/throttle";

const metrics = new Metrics();
metrics.watch(enable("production")); // First: it sees what is made from here on.

const limiter = new Limiter({ algorithm: fixed(2), name: "search" });
const bills = new CircuitBreaker({ name: "bills" });
const database = new Pool({ create: () => ({}), max: 5, name: "database" });
for (const piece of [limiter, bills, database]) metrics.add(piece);

const server = createServer((request, response) => {
  if (request.url !== "/metrics") return void response.writeHead(404).end();
  const { contentType, body } = exposition(metrics, request.headers.accept);
  return void response.setHeader("Content-Type", contentType).end(body);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;

// Some work: four calls for two places, a service that is down, a semaphore that is waited for.
const files = new Semaphore(1, { name: "files" });
const group = new Group({ name: "requests", failFast: false });
for (let call = 1; call <= 4; call++) {
  group.go(() => limiter.run(() => files.run(() => database.run(async () => call))), { name: `request ${call}` });
}
await group.wait().catch(() => {}); // Two were refused.
bills.open("maintenance");

const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: "close" } });
console.log(response.headers.get("content-type"));
const shown = /^snowshed_(?:tasks_(?:started|ended)|rejections|breaker_state|limiter|wait_seconds_count|pool_created)/;
for (const line of (await response.text()).split("\n")) {
  if (shown.test(line) && !/unnamed| 0$/.test(line)) console.log(line);
}
disable();
await database.close();
server.close();

// Output:
// text/plain; version=0.0.4; charset=utf-8
// snowshed_tasks_started_total{group="requests"} 4
// snowshed_tasks_ended_total{group="requests",outcome="fulfilled"} 2
// snowshed_tasks_ended_total{group="requests",outcome="rejected"} 2
// snowshed_wait_seconds_count{kind="pool",name="database",outcome="granted"} 1
// snowshed_wait_seconds_count{kind="semaphore",name="files",outcome="granted"} 1
// snowshed_wait_seconds_count{kind="group",name="requests",outcome="granted"} 1
// snowshed_rejections_total{kind="limiter",name="search",reason="limit"} 2
// snowshed_limiter_limit{name="search"} 2
// snowshed_limiter_admitted_total{name="search"} 2
// snowshed_breaker_state{name="bills",state="open"} 1
// snowshed_pool_created_total{name="database"} 1
