// Exercises the installed package on whatever runtime runs this file: plain JavaScript, no test runner. It is copied
// into a project that has the packed tarballs installed (see runtimes.mjs). Any difference fails the process.
import { deepStrictEqual as equal, rejects } from "node:assert";
import { createRequire } from "node:module";
import * as snowshed from "snowshed";
import { FakeClock } from "snowshed/testing";

const { Channel, Context, Group, ReentrantSemaphore, Semaphore, WaitGroup, batch, mapConcurrent, receive, select } =
  snowshed;

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

// Deno's require() resolves packages by other rules; import is what it is used with.
if (!("Deno" in globalThis)) equal(createRequire(import.meta.url)("snowshed"), snowshed);

console.log("works");
