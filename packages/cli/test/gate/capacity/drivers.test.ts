import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { describe, expect, onTestFinished, test } from "vitest";
import { CapacityFailure } from "../../../src/gate/capacity/capacity-failure.ts";
import type { DriverOptions } from "../../../src/gate/capacity/drivers/driver.ts";
import { makeDriver } from "../../../src/gate/capacity/drivers/make-driver.ts";
import { runSchedule } from "../../../src/gate/capacity/drivers/schedule.ts";
import type { Sample } from "../../../src/gate/capacity/measurement.ts";
import { loadsOf, planOf } from "../../../src/gate/capacity/ramp.ts";
import { isAllowed, maskedTarget, parseTarget } from "../../../src/gate/capacity/target.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { fakeK6 } from "./fake-k6.ts";

const require = createRequire(import.meta.url);
/** The programs of packages are in a node_modules above it. */
const root = path.dirname(require.resolve("autocannon"));
const signal = new AbortController().signal;

async function serve(answer: RequestListener): Promise<URL> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

async function measureOnce(
  load: number,
  options: Pick<DriverOptions, "driver" | "url"> & Partial<DriverOptions>,
): Promise<Sample> {
  const more = { stepSeconds: 0.2, valueBytes: undefined, confirm: false, seed: 1, folder: root };
  const driver = await makeDriver({ ...more, env: { PATH: process.env["PATH"] }, ...options });
  try {
    await driver.open(signal);
    return await driver.measure(load, signal);
  } finally {
    await driver.close();
  }
}

describe("autocannon, from node_modules", () => {
  test("what is answered is counted, and a status of an error is an error", async () => {
    let [asked, strayed] = [0, 0];
    const other = await serve((_, response) => {
      strayed++;
      response.end("x");
    });
    const url = await serve((_, response) => {
      response.writeHead([302, 200, 503, 200][++asked % 4]!, { location: other.href }).end("x");
    });
    const sample = await measureOnce(3, { driver: "autocannon", url, stepSeconds: 1 });
    // Where an answer leads elsewhere, load may not go.
    expect(strayed).toBe(0);
    expect(sample).toMatchObject({ concurrency: 3, invalid: null });
    expect(sample.throughput).toBeGreaterThan(10);
    expect(sample.errors).toBeGreaterThan(0.4);
    expect(sample.errors).toBeLessThan(0.6);
    expect(sample.p99!).toBeGreaterThanOrEqual(sample.p50!);
  });
});

describe("k6", () => {
  test("is called as it is documented, and its summary is read", async () => {
    const folder = temporaryFolder();
    // What the user has set for k6 is for other runs: it would change the load, or leave no summary.
    const env = { PATH: fakeK6(folder, [4], () => 321), K6_RPS: "3", K6_NO_SUMMARY: "true" };
    const url = new URL("http://127.0.0.1:9/x?y=1");
    expect(await measureOnce(4, { driver: "k6", url, env, stepSeconds: 1 })).toMatchObject({
      throughput: 321,
      p50: 0.4,
      p99: 0.8,
      errors: 0,
    });
    // It has no answer for five.
    const failed = await measureOnce(5, { driver: "k6", url, env, stepSeconds: 1 });
    expect(failed.invalid).toMatch(/^k6 ended with 1: .*5\.answer/);
  });

  test("that is not there is said so", async () => {
    const url = new URL("http://127.0.0.1:9");
    const missing = measureOnce(1, { driver: "k6", url, env: { PATH: "" }, folder: path.join(root, "none") });
    await expect(missing).rejects.toThrow(CapacityFailure);
    await expect(missing).rejects.toThrow(/^k6 is not there: see/);
  });
});

describe("the open loop", () => {
  test("asks as often as it was told, whatever the server does", async () => {
    let asked = 0;
    const url = await serve((_, response) => {
      asked++;
      response.end("x");
    });
    const sample = await measureOnce(200, { driver: "open-loop", url, stepSeconds: 0.5 });
    // One more to see whether it answers at all. Poisson: 100, a standard deviation of 10.
    expect(asked).toBeGreaterThan(50);
    expect(asked).toBeLessThan(150);
    // The last ones may be answered after the end.
    expect(sample.throughput + (sample.errors * (asked - 1)) / 0.5).toBeLessThanOrEqual((asked - 1) / 0.5 + 1e-6);
    expect(sample.throughput).toBeGreaterThan(0);
  });

  test("does not go where an answer leads", async () => {
    let strayed = 0;
    const other = await serve((_, response) => {
      strayed++;
      response.end("x");
    });
    const url = await serve((_, response) => response.writeHead(302, { location: other.href }).end());
    await measureOnce(100, { driver: "open-loop", url, stepSeconds: 0.1 });
    expect(strayed).toBe(0);
  });

  test("a stall is charged to all who came during it, and a wait beyond patience is an error", async () => {
    let free = (): void => {};
    const stalled = new Promise<void>((resolve) => (free = resolve));
    const sample = await runSchedule({
      rate: 500,
      seconds: 0.2,
      seed: 3,
      patienceMs: 5000,
      signal,
      request: async (index) => {
        if (index === 20) setTimeout(free, 300);
        if (index >= 20) await stalled;
      },
    });
    expect(sample.errors).toBe(0);
    expect(sample.p50!).toBeGreaterThan(100);
    const impatient = { rate: 200, seconds: 0.1, seed: 3, patienceMs: 20, signal };
    const lost = await runSchedule({ ...impatient, request: () => new Promise(() => {}) });
    expect(lost).toMatchObject({ throughput: 0, errors: 1 });
    expect(lost.invalid).not.toBeNull();
  });

  test("counts as served what was answered while it asked, not what was left over", async () => {
    // One place, 10 ms each: 100 per second, and five times as many come.
    let free = Promise.resolve();
    const sample = await runSchedule({
      rate: 500,
      seconds: 0.1,
      seed: 3,
      patienceMs: 60_000,
      signal,
      request: () => (free = free.then(() => new Promise((resolve) => setTimeout(resolve, 10)))),
    });
    expect(sample.errors).toBe(0);
    expect(sample.throughput).toBeLessThanOrEqual(110);
    expect(sample.throughput).toBeGreaterThan(0);
  });

  test("a generator that was late does not count, and one that was stopped stops", async () => {
    const block = (): void => {
      const end = performance.now() + 60;
      while (performance.now() < end);
    };
    const late = await runSchedule({
      rate: 200,
      seconds: 0.2,
      seed: 3,
      patienceMs: 1000,
      signal,
      request: (index) => Promise.resolve(index % 10 === 0 ? block() : undefined),
    });
    expect(late.lag).toBeGreaterThan(10);
    expect(late.invalid).toMatch(/^the generator was \d+ ms late \(99th percentile; 10 at most\)$/);
    const stop = new AbortController();
    const stopped = runSchedule({
      rate: 10,
      seconds: 600,
      seed: 3,
      patienceMs: 10,
      signal: stop.signal,
      request: () => Promise.resolve(stop.abort(new Error("stopped"))),
    });
    await expect(stopped).rejects.toThrow("stopped");
  });
});

test("targets: what they may be, what is shown of them, and where load may go", () => {
  expect(parseTarget("10.0.0.1:6380", "memory").href).toBe("redis://10.0.0.1:6380");
  expect(maskedTarget(parseTarget("redis://user:secret@10.0.0.1:6380/2", "memory"))).toBe("redis://10.0.0.1:6380/2");
  for (const text of ["", "redis://", "http://x", "secret@x y"]) {
    expect(() => parseTarget(text, "redis-benchmark")).toThrow(/must begin with redis:/);
    expect(() => parseTarget(text, "redis-benchmark")).not.toThrow(/secret/);
  }
  const here = ["redis://127.0.0.1:1", "redis://localhost", "redis://[::1]:6379", "http://127.8.8.8"];
  for (const text of here) expect(isAllowed(new URL(text), undefined)).toBe(true);
  expect(isAllowed(new URL("redis://10.0.0.1"), undefined)).toBe(false);
  expect(isAllowed(new URL("redis://10.0.0.1"), ["10.0.0.1:6379"])).toBe(true);
  expect(isAllowed(new URL("redis://10.0.0.1:6380"), ["10.0.0.1:6379"])).toBe(false);
  expect(isAllowed(new URL("http://localhost.example.com"), undefined)).toBe(false);
});

test("the plan has each load once in each repetition, shuffled by its seed, or climbing", () => {
  const ramp = { from: 0.1, to: 1, step: 0.1, reps: 5 };
  expect(loadsOf({ driver: "open-loop", ramp })).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  expect(loadsOf({ driver: "k6", ramp })).toEqual([1]);
  expect(loadsOf({ driver: "open-loop", ramp: { ...ramp, to: 1e9 } })).toHaveLength(1000);
  const loads = [1, 2, 3, 4, 5, 6, 7, 8];
  const plan = planOf(loads, 5, "shuffled", 7);
  expect(plan).toEqual(planOf(loads, 5, "shuffled", 7));
  expect(plan).not.toEqual(planOf(loads, 5, "shuffled", 8));
  const climbing = planOf(loads, 5, "climbing", 7);
  expect(climbing.map(({ load }) => load)).toEqual([loads, loads, loads, loads, loads].flat());
  const key = ({ load, repetition }: { load: number; repetition: number }) => `${repetition}/${load}`;
  expect(plan.map(key).toSorted()).toEqual(climbing.map(key).toSorted());
});
