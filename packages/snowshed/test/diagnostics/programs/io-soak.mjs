// Tasks that await whatever a platform offers, while the garbage is collected all the time: none of them may be taken for
// leaked. Planted among them are some that are, and these must be found. Runs under any Node, with the built package:
// `node io-soak.mjs [seconds] [preset]`. Prints one line; exits with 1 if a report is wrong.
import { execFile } from "node:child_process";
import { webcrypto } from "node:crypto";
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { EventEmitter, on, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { open, readFile, stat, watch, writeFile } from "node:fs/promises";
import { createServer as createHttpServer, get } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { PassThrough, Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { scheduler, setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { gzip } from "node:zlib";
import { Channel, Context, Group, mapConcurrent, Semaphore, WaitGroup } from "snowshed";
import { detectLeaks, enable } from "snowshed/diagnostics";

const [seconds = "5", preset = "production"] = process.argv.slice(2);
const monitor = enable(/** @type {"production" | "development" | "test"} */ (preset));
/** @type {string[]} */
const warned = [];
monitor.onWarning(({ code, message }) => void (code === "SS004" && warned.push(message)));

const folder = mkdtempSync(join(tmpdir(), "snowshed-soak-"));
const file = join(folder, "file");
await writeFile(file, "x".repeat(10_000));
const http = createHttpServer((_request, response) => setTimeout(() => response.end("y".repeat(5000)), 5));
const tcp = createServer((socket) => void socket.pipe(socket).on("error", () => {}));
await Promise.all([once(http.listen(0, "127.0.0.1"), "listening"), once(tcp.listen(0, "127.0.0.1"), "listening")]);
/** @param {import("node:net").Server} server */
const portOf = (server) => /** @type {import("node:net").AddressInfo} */ (server.address()).port;
const url = `http://127.0.0.1:${portOf(http)}/`;
const worker = new Worker('require("worker_threads").parentPort.on("message", (port) => port.postMessage(1))', {
  eval: true,
});
const semaphore = new Semaphore(2);
const memory = new Int32Array(new SharedArrayBuffer(4));
let number = 0;

/** @type {Record<string, () => Promise<unknown>>} */
const kinds = {
  fetch: async () => (await fetch(url)).text(),
  "http.get": async () => {
    /** @type {import("node:http").IncomingMessage} */
    const response = await new Promise((resolve) => get(url, resolve));
    response.resume();
    await once(response, "end");
  },
  tcp: async () => {
    const socket = connect(portOf(tcp), "127.0.0.1");
    socket.write("hello");
    await once(socket, "data");
    socket.end();
    await finished(socket);
  },
  udp: async () => {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    socket.send("x", socket.address().port, "127.0.0.1");
    await once(socket, "message");
    await new Promise((resolve) => socket.close(() => resolve(undefined)));
  },
  "dns lookup": () => lookup("localhost"),
  "fs read": () => readFile(file),
  "file handle": async () => {
    const handle = await open(file);
    await handle.stat();
    await handle.close();
  },
  "fs write and watch": async () => {
    const ended = new AbortController();
    const place = mkdtempSync(join(folder, "watched-"));
    const watching = watch(place, { signal: ended.signal })[Symbol.asyncIterator]();
    const first = watching.next();
    await immediate();
    await writeFile(join(place, "new"), "");
    await first;
    ended.abort();
    await watching.next().catch(() => {});
  },
  stat: () => stat(file),
  zlib: () => promisify(gzip)(Buffer.alloc(200_000, "z")),
  "web crypto": () => webcrypto.subtle.digest("SHA-256", Buffer.alloc(100_000)),
  "stream pipeline": async () => {
    const through = new PassThrough();
    through.resume();
    await pipeline(Readable.from(["a", "b", "c"]), through);
  },
  "web stream": async () => {
    const stream = new Blob(["z".repeat(10_000)]).stream().pipeThrough(new CompressionStream("gzip"));
    await new Response(stream).arrayBuffer();
  },
  "async iteration of events": async () => {
    const emitter = new EventEmitter();
    const timer = setInterval(() => emitter.emit("tick"), 5);
    let left = 3;
    for await (const _tick of on(emitter, "tick")) if (--left === 0) break;
    clearInterval(timer);
  },
  readline: async () => {
    const lines = createInterface({ input: Readable.from(["one\n", "two\n"]) });
    for await (const _line of lines) await immediate();
  },
  "child process": () => promisify(execFile)("/bin/true"),
  "worker thread": async () => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage(port2, [port2]);
    await once(port1, "message");
    port1.close();
  },
  BroadcastChannel: async () => {
    const name = `soak-${number++}`;
    const [from, to] = [new BroadcastChannel(name), new BroadcastChannel(name)];
    const received = new Promise((resolve) => to.addEventListener("message", resolve, { once: true }));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A channel has none.
    from.postMessage("hello");
    await received;
    from.close();
    to.close();
  },
  "timers/promises": () => sleep(20),
  "setTimeout, by hand": () => new Promise((resolve) => setTimeout(resolve, 15)),
  "unref'd timer": () => sleep(10, undefined, { ref: false }),
  scheduler: () => scheduler.wait(10).then(() => scheduler.yield()),
  microtasks: async () => {
    for (let round = 0; round < 20; round++) await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  },
  "process.nextTick": () => new Promise((resolve) => process.nextTick(resolve)),
  "AbortSignal.timeout": () => once(AbortSignal.timeout(20), "abort"),
  "Atomics.waitAsync": async () => {
    const { waitAsync } = /** @type {{ waitAsync?: (...args: unknown[]) => { value: Promise<string> } }} */ (
      /** @type {unknown} */ (Atomics)
    );
    if (waitAsync !== undefined) await waitAsync(memory, 0, 0, 20).value;
  },
  "WebAssembly.compile": () => {
    const { WebAssembly } = /** @type {{ WebAssembly: { compile(code: Uint8Array): Promise<unknown> } }} */ (
      /** @type {unknown} */ (globalThis)
    );
    return WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  },
  "dynamic import": () => import(`data:text/javascript,export default ${number++}`),
  "a thenable": async () => ({
    // oxlint-disable-next-line unicorn/no-thenable
    then: (/** @type {(value: number) => void} */ resolve) => void setTimeout(() => resolve(1), 10),
  }),
  semaphore: () => semaphore.run(() => sleep(2)),
  channel: async () => {
    const channel = new Channel();
    setTimeout(() => channel.trySend(1), 10);
    await channel.receive();
  },
  "Context.sleep": () => Context.background.withTimeout("1s").sleep("10ms"),
  "group in a task": async () => {
    const group = new Group({ concurrency: 1 });
    for (let task = 0; task < 3; task++) group.go(() => sleep(3));
    await group.wait();
  },
  mapConcurrent: async () => {
    for await (const _ of mapConcurrent([1, 2, 3], () => sleep(2), { concurrency: 2 })) await immediate();
  },
};

/** Tasks that nothing can ever wake. @type {Record<string, () => Promise<unknown>>} */
const planted = {
  "a promise that nobody settles": () => new Promise(() => {}),
  "an emitter that was dropped": () => once(new EventEmitter(), "never"),
  "a semaphore that it holds itself": async () => {
    const own = new Semaphore(1);
    await own.acquire();
    await own.acquire();
  },
  "a channel without a sender": () => new Channel().receive(),
  "a wait group without its done()": () => {
    const group = new WaitGroup();
    group.add();
    return group.wait();
  },
  "a stream that never ends": () => finished(new PassThrough()),
  "two that wait for each other": async () => {
    const [a, b] = [new Semaphore(1), new Semaphore(1)];
    await Promise.all([a, b].map((first, index) => first.run(() => immediate().then(() => [b, a][index]?.acquire()))));
  },
  "an event target that was dropped": () => once(new EventTarget(), "never"),
};

const group = new WaitGroup({ name: "soak" });
const until = performance.now() + Number(seconds) * 1000;
let tasks = 0;
while (performance.now() < until) {
  for (const [name, body] of Object.entries(kinds)) {
    tasks += 4;
    for (let copy = 0; copy < 4; copy++) group.go(body, { name });
  }
  // The garbage is collected while they are under way, and every one of them is watched by then.
  await sleep(5);
  await detectLeaks({ gc: true });
  if (group.count > 500) await group.wait();
}
await group.wait();
const wrong = (await detectLeaks({ gc: true })).map(({ name }) => name);

const lost = new WaitGroup({ name: "planted" });
for (const [name, body] of Object.entries(planted)) lost.go(body, { name });
await sleep(20);
const found = new Set((await detectLeaks({ gc: true })).map(({ name }) => name));
const missed = Object.keys(planted).filter((name) => !found.has(name));

rmSync(folder, { recursive: true });
http.close();
http.closeAllConnections();
tcp.close();
await worker.terminate();
const outcome = { kinds: Object.keys(kinds).length, tasks, wrong, planted: found.size, missed, warned: warned.length };
process.stdout.write(`${JSON.stringify(outcome)}\n`);
process.exitCode = wrong.length + missed.length > 0 || lost.count !== found.size ? 1 : 0;
