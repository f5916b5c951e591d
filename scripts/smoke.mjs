// Exercises the installed package on whatever runtime runs this file: plain JavaScript, no test runner. It is copied
// into a project that has the packed tarballs installed (see runtimes.mjs). Any difference fails the process.
import { deepStrictEqual as equal, rejects, throws } from "node:assert";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import * as snowshed from "snowshed";
import * as diagnostics from "snowshed/diagnostics";
import * as etcd from "snowshed/etcd";
import * as http from "snowshed/http";
import * as kafka from "snowshed/kafka";
import * as otel from "snowshed/otel";
import * as prometheus from "snowshed/prometheus";
import * as postgres from "snowshed/postgres";
import * as redis from "snowshed/redis";
import * as testing from "snowshed/testing";
import * as throttle from "snowshed/throttle";

const { Channel, Context, Group, Limiter, ReentrantSemaphore, Semaphore, WaitGroup } = snowshed;
const { batch, fixed, mapConcurrent, receive, select } = snowshed;
const { FakeClock } = testing;

const clock = new FakeClock();
const request = Context.root({ clock }).withTimeout("8s");
const query = request.withCancel();
await clock.advance("7s");
equal([query.aborted, query.remaining()], [false, 1000]);
await clock.advance("1s");
equal(
  [query.signal.aborted, query.reason?.name, query.reason?.code],
  [true, "TimeoutError", "SNOWSHED_DEADLINE_EXCEEDED"],
);

/** @type {number[]} */
const seen = [];
const waitGroup = new WaitGroup();
for (const n of [1, 2, 3]) waitGroup.go(async () => seen.push(n));
await waitGroup.wait();
equal(seen, [1, 2, 3]);

const group = new Group({ concurrency: 2 });
const outage = new Error("outage");
const stuck = group.go((context) => new Promise((_, reject) => context.onAbort(reject)));
group.go(() => Promise.reject(outage));
await rejects(group.wait(), outage);
equal(stuck.state, "rejected");

const semaphore = new Semaphore(2);
let [inside, most] = [0, 0];
const body = async () => {
  most = Math.max(most, ++inside);
  await new Promise((resolve) => setTimeout(resolve, 1));
  inside--;
};
await Promise.all(Array.from({ length: 8 }, () => semaphore.run(body)));
equal([most, semaphore.available, semaphore.tryAcquire(3)], [2, 2, false]);

const reentrant = new ReentrantSemaphore(1);
equal(await reentrant.run(() => reentrant.run(() => "twice")), "twice");

const channel = new Channel(1);
await channel.send("first");
equal(await select([receive(channel)]), { index: 0, value: "first", done: false });
channel.close();
equal((await channel.receive()).done, true);

const squares = [];
for await (const square of mapConcurrent([1, 2, 3], async (n) => n * n, { concurrency: 2 })) squares.push(square);
equal(squares, [1, 4, 9]);

const report = await batch(["a", "b"], (input) => (input === "b" ? Promise.reject(outage) : input), { deadline: "5s" });
equal([report.stats.ok, report.stats.failed, report.outcomes[1]?.error], [1, 1, outage]);

const { FileHandles, Pool, Quota } = throttle;
let [made, ended] = [0, 0];
const pool = new Pool({ create: () => ({ number: ++made }), destroy: () => ended++, max: 1 });
equal(await Promise.all([1, 2, 3].map((n) => pool.run(({ number }) => 10 * n + number))), [11, 21, 31]);
await pool.close();
equal([made, ended, pool.held], [1, 1, 0]);

const quota = new Quota({ limits: [{ requests: 1, per: "100ms", burst: 2 }] });
equal([quota.tryPermit()?.weight, quota.tryPermit()?.weight, quota.tryPermit()], [1, 1, undefined]);
equal(await quota.run(() => "after a wait"), "after a wait");

const handles = new FileHandles();
const file = new URL(import.meta.url);
const texts = await Promise.all(Array.from({ length: 2000 }, () => handles.run(() => readFile(file, "utf8"))));
equal([new Set(texts).size, handles.inspect().held, handles.limit > 1], [1, 0, true]);
let attempts = 0;
const second = await handles.run(() => {
  if (++attempts === 1) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
  return "read";
});
equal([second, attempts, handles.inspect().exhausted], ["read", 2, 1]);

const limiter = new Limiter({ algorithm: fixed(1) });
/** @type {(() => void)[]} */
const waiting = [];
/** @type {import("snowshed").Context[]} */
const contexts = [];
const listener = http.nodeHandler(
  async (asked, answer) => {
    const context = http.requestContext(asked);
    contexts.push(context);
    equal([context.aborted, context.remaining() <= 5000], [false, true]);
    if (asked.url === "/hold") await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    answer.end(`you asked for ${asked.url}`);
  },
  { limiter },
);
const server = createServer(listener);
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const origins = new http.Origins();
const get = http.wrapFetch(fetch, { origins, deadline: "5s", retry: false });
/** @param {string} path */
const ask = async (path) => {
  const response = await get(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
  return [response.status, await response.text()];
};
/** @param {() => boolean} condition */
const until = async (condition) => {
  for (let turn = 0; turn < 1000 && !condition(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  equal(condition(), true);
};
const held = ask("/hold");
await until(() => waiting.length === 1);
equal(await ask("/snow"), [503, ""]);
waiting[0]?.();
equal(await held, [200, "you asked for /hold"]);
await until(() => limiter.inflight === 0);
equal(await ask("/snow"), [200, "you asked for /snow"]);
const leaving = new AbortController();
const left = get(`http://127.0.0.1:${port}/hold`, { signal: leaving.signal }).catch(() => "left");
await until(() => waiting.length === 2);
leaving.abort();
equal(await left, "left");
await until(() => contexts.at(-1)?.aborted === true);
waiting[1]?.();
await until(() => limiter.inflight === 0 && origins.get(`http://127.0.0.1:${port}`).limiter?.inflight === 0);
const closed = once(server, "close");
server.close();
server.closeAllConnections();
await closed;

const monitor = diagnostics.enable("development", { silence: ["SS010"] });
const watched = new Semaphore(1, { name: "watched" });
const watchedTasks = new WaitGroup({ name: "tasks" });
await watched.acquire();
watchedTasks.go(() => watched.run(() => Promise.resolve()), { name: "waits" });
const [task] = diagnostics.snapshot().tasks;
equal(
  [task?.name, task?.state, task?.wait?.name, task?.site?.includes("smoke.mjs")],
  ["waits", "waiting", "watched", true],
);
equal(diagnostics.profile("blocked").total, 1);
equal(diagnostics.formatDump(diagnostics.snapshot()).includes('task 1 "waits" [waiting semaphore "watched", '), true);
watched.release();
await watchedTasks.wait();
equal([diagnostics.snapshot().totals.tasksLive, monitor.warnings], [0, []]);
diagnostics.disable();

const metrics = new prometheus.Metrics();
metrics.add(new Limiter({ algorithm: fixed(3), name: "smoke" }));
const { contentType, body: exposed } = prometheus.exposition(metrics, "application/openmetrics-text");
equal([contentType.split(";")[0], exposed.endsWith("# EOF\n")], ["application/openmetrics-text", true]);
equal(exposed.includes('snowshed_limiter_limit{name="smoke"} 3\n'), true);
throws(() => otel.observeMetrics(/** @type {never} */ ({}), metrics), { code: "SNOWSHED_INVALID_ARGUMENT" });

// What needs a server is only loaded, and refuses what is no client of one.
const noClient = /** @type {never} */ (/** @type {unknown} */ ({}));
throws(() => new redis.RedisSemaphore(noClient, "jobs", { permits: 1 }), { code: "SNOWSHED_INVALID_ARGUMENT" });
throws(() => new etcd.EtcdSemaphore(noClient, "jobs", { permits: 1 }), { code: "SNOWSHED_INVALID_ARGUMENT" });

throws(() => kafka.idempotentProducer(noClient), { code: "SNOWSHED_INVALID_ARGUMENT" });
throws(() => new kafka.ConsumerRunner(noClient, { topics: ["orders"], handler: () => {} }), {
  code: "SNOWSHED_INVALID_ARGUMENT",
});
throws(() => new redis.RedisDeduplicationStore(noClient, "jobs"), { code: "SNOWSHED_INVALID_ARGUMENT" });
throws(() => new postgres.PostgresDeduplicationStore(noClient, "jobs"), { code: "SNOWSHED_INVALID_ARGUMENT" });
throws(() => new postgres.OutboxRelay(noClient, { send() {} }), { code: "SNOWSHED_INVALID_ARGUMENT" });

// Deno's require() resolves packages by other rules; import is what it is used with.
if (!("Deno" in globalThis)) {
  const require = createRequire(import.meta.url);
  equal(require("snowshed"), snowshed);
  equal(require("snowshed/diagnostics"), diagnostics);
  equal(require("snowshed/etcd"), etcd);
  equal(require("snowshed/http"), http);
  equal(require("snowshed/kafka"), kafka);
  equal(require("snowshed/otel"), otel);
  equal(require("snowshed/prometheus"), prometheus);
  equal(require("snowshed/postgres"), postgres);
  equal(require("snowshed/redis"), redis);
  equal(require("snowshed/testing"), testing);
  equal(require("snowshed/throttle"), throttle);
}

console.log("works");
