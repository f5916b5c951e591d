import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startRedis } from "../../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../../snowshed/test/support/redis.ts";
import type { CapacityResult } from "../../../src/gate/capacity/capacity-result.ts";
import { disturbancesOf, thisMachine } from "../../../src/gate/capacity/noise.ts";
import { capacityStageWith } from "../../../src/gate/capacity/stage.ts";
import { loadConfig } from "../../../src/gate/config/load.ts";
import type { StageResult } from "../../../src/gate/run.ts";
import { capacityRules } from "../../../src/gate/rules/capacity/index.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { run } from "../../support/memory-io.ts";
import { promtool } from "../alerts/promtool-program.ts";
import { usl } from "./curves.ts";
import { fakeK6 } from "./fake-k6.ts";

const env = { PATH: process.env["PATH"] ?? "" };
const curve = usl(1000, 0.1, 0.001);
const loads = [1, 9, 17, 25, 33, 41, 49];
const k6Section = (more = "", target = "http://127.0.0.1:9") =>
  `driver: k6, target: "${target}", ramp: { from: 1, to: 49, step: 8, reps: 5 }, knee: { methods: [kneedle, usl], minAgreement: 2 }, stepSeconds: 1${more}`;

const parsed = (line: string) => JSON.parse(line) as unknown;

function configured(text: string): { readonly folder: string; readonly file: string; readonly out: string } {
  const folder = temporaryFolder();
  const file = path.join(folder, "snowshed.yaml");
  writeFileSync(file, `version: 1\n${text}`);
  return { folder, file, out: path.join(folder, "snowshed-capacity") };
}

/** The stage on a machine that has nothing else to do, whatever this one does. */
async function staged(file: string, path_: string): Promise<StageResult> {
  const loaded = await loadConfig(file);
  const machine = { calibrate: () => 1, state: () => Promise.resolve({ load: 0.1, steal: 0, ticks: 1 }) };
  return capacityStageWith({ machine }).run({
    ...loaded,
    rules: capacityRules,
    live: true,
    explicit: true,
    env: { PATH: path_ },
    now: new Date(0),
    signal: new AbortController().signal,
    say: () => Promise.resolve(),
  });
}

describe("a run", () => {
  test("that finds a capacity passes, and leaves its measurements, the page and the rule", async () => {
    const { file, folder, out } = configured(`capacity: { api: { ${k6Section()} } }`);
    const result = await staged(file, fakeK6(folder, loads, curve));
    expect(result).toMatchObject({ verdict: "pass", findings: [] });
    expect(readdirSync(out).toSorted()).toEqual(["api.html", "api.json", "api.ndjson", "api.rules.yml"]);
    for (const name of ["api.html", "api.json", "api.ndjson"]) {
      expect(statSync(path.join(out, name)).mode & 0o777).toBe(0o600);
    }
    const { judgement, measurements } = JSON.parse(readFileSync(path.join(out, "api.json"), "utf8")) as CapacityResult;
    expect(measurements).toHaveLength(35);
    // Shuffled: no repetition is in the order of the loads, and each has all of them.
    const orders = [1, 2, 3, 4, 5].map((r) => measurements.filter((m) => m.repetition === r).map(({ load }) => load));
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(loads);
    expect(new Set(orders.map(String)).size).toBeGreaterThan(1);
    expect(judgement.model!.sigma).toBeCloseTo(0.1, 3);
    expect(judgement.model!.kappa).toBeCloseTo(0.001, 4);
    const safe = Math.floor(judgement.safe! * 100) / 100;
    const rules = readFileSync(path.join(out, "api.rules.yml"), "utf8");
    expect(rules).toContain(`(rate(http_server_request_duration_seconds_count[5m])) > ${safe}`);
    expect(execFileSync(await promtool(), ["check", "rules", path.join(out, "api.rules.yml")]).toString()).toContain(
      "1 rules found",
    );
    const page = readFileSync(path.join(out, "api.html"), "utf8");
    expect(page).toContain("uPlot");
    expect(page).not.toMatch(/(?:src|href)=/);
  });

  test("blocks when less is safe than what is needed, or less is left free than the preset demands", async () => {
    const { file, folder } = configured(`capacity: { api: { ${k6Section(", atLeast: 9000")} } }`);
    const result = await staged(file, fakeK6(folder, loads, curve));
    expect(result).toMatchObject({ verdict: "blocked", findings: [{ rule: "capacity/demand", line: 2 }] });
    const greedy = configured(`capacity: { api: { ${k6Section(", headroom: 0.1")} } }`);
    const refused = await staged(greedy.file, "");
    expect(refused).toMatchObject({ verdict: "blocked", findings: [{ rule: "capacity/headroom" }] });
    // Before an hour of load, not after it.
    expect(existsSync(greedy.out)).toBe(false);
  });

  test("without a knee is inconclusive, and takes back the rule of an earlier run", async () => {
    const { file, folder, out } = configured(`capacity: { api: { ${k6Section(", atLeast: 1")} } }`);
    const found = await staged(file, fakeK6(folder, loads, curve));
    expect(found.verdict).toBe("pass");
    const straight = await staged(
      file,
      fakeK6(folder, loads, (users) => 50 * users),
    );
    expect(straight.verdict).toBe("inconclusive");
    expect(straight.notes.map(({ message }) => message).join()).toMatch(/api: inconclusive: kneedle: no bend/);
    expect(readdirSync(out)).not.toContain("api.rules.yml");
  });

  test("that is stopped keeps what it has, and goes on where it was", async () => {
    const { file, folder, out } = configured(`capacity: { api: { ${k6Section()} } }`);
    const own = { env: { PATH: fakeK6(folder, loads, curve) } };
    const journal = path.join(out, "api.ndjson");
    const stop = new AbortController();
    const lines = () => (existsSync(journal) ? readFileSync(journal, "utf8").trimEnd().split("\n") : []);
    const stopped = run(["gate", "capacity", "run", "-c", file], { ...own, interrupt: stop.signal });
    await vi.waitFor(() => expect(lines().length).toBeGreaterThan(4), { timeout: 20_000, interval: 5 });
    writeFileSync(path.join(folder, "hang"), "");
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort("SIGINT");
    expect(await stopped).toMatchObject({ code: 130, stdout: "" });
    const before = lines();
    expect(before.length).toBeLessThan(36);
    rmSync(path.join(folder, "hang"));

    const asked = await run(["gate", "capacity", "run", "-c", file], own);
    expect(asked).toMatchObject({ code: 2 });
    expect(asked.stderr).toContain("of a run that was stopped: --resume goes on, --fresh begins anew");
    // As after a kill in the middle of a line.
    writeFileSync(journal, `${before.join("\n")}\n{"load":1,"repet`);
    const resumed = await run(["gate", "capacity", "run", "-c", file, "--resume", "--json"], own);
    const after = lines();
    expect(after.slice(0, before.length).map(parsed)).toEqual(before.map(parsed));
    expect(after).toHaveLength(36);
    expect((JSON.parse(resumed.stdout) as CapacityResult[])[0]!.points.map(({ repetitions }) => repetitions)).toEqual(
      loads.map(() => 5),
    );
    // This machine may be busy: then there is no number, but the curve is the same.
    expect([0, 3]).toContain(resumed.code);

    writeFileSync(file, readFileSync(file, "utf8").replace("to: 49", "to: 57"));
    const other = await run(["gate", "capacity", "run", "-c", file, "--resume"], own);
    expect(other).toMatchObject({ code: 2 });
    expect(other.stderr).toContain("is of another run (loads is not the same): --fresh begins anew");
  });

  test.each([
    [
      "a target that is not listed",
      `capacity: { a: { ${k6Section("", "http://10.9.8.7")} } }`,
      [],
      2,
      /10\.9\.8\.7 is not in chaos\.targets/,
    ],
    [
      "a list without this machine",
      `chaos: { targets: ["10.9.8.7:80"] }\ncapacity: { a: { ${k6Section()} } }`,
      [],
      2,
      /127\.0\.0\.1:9 is not in chaos\.targets/,
    ],
    ["production", `environment: production\ncapacity: { a: { ${k6Section()} } }`, [], 3, /environment is production/],
    ["a program that is not there", `capacity: { a: { ${k6Section()} } }`, [], 3, /a: k6 is not there: see https/],
    [
      "a protocol it does not speak",
      `capacity: { a: { ${k6Section("", "redis://u:secret@127.0.0.1")} } }`,
      [],
      2,
      /target of k6 must begin with http/,
    ],
    ["nothing to measure", "", [], 3, /nothing to measure/],
    [
      "a name that is not there",
      `capacity: { api: { ${k6Section()} } }`,
      ["apo"],
      2,
      /there is no capacity "apo".*"?api"?/,
    ],
    ["both ways at once", `capacity: { a: { ${k6Section()} } }`, ["--resume", "--fresh"], 2, /exclude each other/],
    ["an unknown key", `capacity: { a: { ${k6Section(", reps: 5")} } }`, [], 2, /snowshed\.yaml:2:/],
    [
      "a step that is too short for k6",
      `capacity:\n  a: { ${k6Section().replace("stepSeconds: 1", "stepSeconds: 0.9")} }`,
      [],
      2,
      /snowshed\.yaml:3:\d{3}: capacity\.a\.stepSeconds must be at least 1 with the driver k6/,
    ],
    ["four repetitions", `capacity: { a: { ${k6Section().replace("reps: 5", "reps: 4")} } }`, [], 2, /at least 5/],
  ])("%s", async (_, text, argv, code, message) => {
    const { file, out } = configured(text);
    const result = await run(["gate", "capacity", "run", "-c", file, ...argv], { env: { PATH: "" } });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain("secret");
    expect(result.code).toBe(code);
    expect(existsSync(out)).toBe(false);
  });
});

test("no password that a driver or a rule says is in what is printed or written", async () => {
  const { file, folder, out } = configured(`capacity: { api: { ${k6Section(", atLeast: 9000")} } }`);
  const path_ = fakeK6(folder, loads, curve);
  // At one load it fails, and says the address that it was given.
  writeFileSync(path.join(folder, "25.fails"), "GET http://me:hunter2@h/ failed, password=hunter2");
  for (const json of [[], ["--json"]]) {
    const { stdout, stderr } = await run(["gate", "capacity", "run", "-c", file, "--fresh", ...json], {
      env: { PATH: path_ },
    });
    expect(stderr).toContain("http://me:***@h/ failed");
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
  }
  expect(readdirSync(out)).toEqual(expect.arrayContaining(["api.html", "api.json", "api.ndjson"]));
  expect(readFileSync(path.join(out, "api.json"), "utf8")).toContain("http://me:***@h/ failed");
  for (const name of readdirSync(out)) {
    expect(readFileSync(path.join(out, name), "utf8"), name).not.toContain("hunter2");
  }
  // Of another's journal as well.
  const journal = path.join(out, "api.ndjson");
  writeFileSync(journal, readFileSync(journal, "utf8").replaceAll("***", "hunter2"));
  const page = path.join(folder, "page.html");
  await run(["gate", "capacity", "report", journal, "--out", page]);
  const fitted = await run(["gate", "capacity", "fit", journal, "--json"]);
  expect(fitted.stdout).toContain("http://me:***@h/ failed");
  expect(`${fitted.stdout}${readFileSync(page, "utf8")}`).not.toContain("hunter2");
});

test("what disturbs a machine is seen, and what does not is not", async () => {
  const quiet = { load: 0.2, steal: 10, ticks: 1000 };
  const calm = Array.from({ length: 20 }, (_, index) => 5 + (index % 3) / 20);
  expect(disturbancesOf(calm, quiet, { ...quiet, ticks: 2000 })).toEqual([]);
  expect(disturbancesOf([], undefined, undefined)).toEqual([]);
  const wild = calm.map((value, index) => value * (1 + (index % 4)));
  expect(disturbancesOf(wild, quiet, quiet).join()).toMatch(/a loop of fixed work is spread by \d+ %/);
  expect(disturbancesOf(calm, { ...quiet, load: 1.5 }, quiet).join()).toMatch(/1\.5 tasks for each processor/);
  expect(disturbancesOf(calm, quiet, { ...quiet, steal: 110, ticks: 2000 }).join()).toMatch(/10 % of the processors/);
  expect(thisMachine.calibrate()).toBeGreaterThan(0);
  expect((await thisMachine.state()).ticks).toBeGreaterThanOrEqual(0);
});

describe("on a real Redis", () => {
  let server: RedisServer;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis({
      args: ["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru", "--save", ""],
      password: "sesame-84",
    });
    client = new Redis(server.url);
  }, 300_000);
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });
  const memory = (more = "") =>
    `capacity: { redis: { driver: memory, target: "${server.url}", ramp: { from: 50, to: 100, step: 10, reps: 5 }, knee: { methods: [kneedle, threshold], minAgreement: 2 }, stepSeconds: 0.02, valueBytes: 4000${more} } }`;

  test("memory: it is filled up to where it evicts, measured on the way, and left as it was", async () => {
    const { file, out } = configured(memory());
    const { code, stdout, stderr } = await run(["gate", "capacity", "run", "-c", file, "--json"], { env });
    expect([0, 1, 3]).toContain(code);
    const [{ points, measurements, judgement }] = JSON.parse(stdout) as [CapacityResult];
    expect(measurements).toHaveLength(30);
    for (const { used, load, evictedAt } of measurements) {
      if (load < 100) expect(Math.abs(used! - load)).toBeLessThan(5);
      expect(evictedAt === null).toBe(load < 100);
    }
    // Every repetition may have come late, and then there is no point at 100.
    for (const { kind, value } of judgement.onsets) {
      expect(kind).toBe("eviction");
      expect(value).toBeCloseTo(100, 0);
    }
    expect(judgement.onsets).toHaveLength(points.some(({ load }) => load === 100) ? 1 : 0);
    expect(await client.dbsize()).toBe(0);
    expect(`${stdout}${stderr}${readFileSync(path.join(out, "redis.html"), "utf8")}`).not.toContain("sesame-84");
  });

  test("memory: where nothing may be evicted, the first refused write is seen", async () => {
    await client.config("SET", "maxmemory-policy", "noeviction");
    const { file } = configured(memory());
    const { stdout } = await run(["gate", "capacity", "run", "-c", file, "--json"], { env });
    const [{ measurements }] = JSON.parse(stdout) as [CapacityResult];
    for (const { load, refusedAt, evictedAt } of measurements) {
      expect([refusedAt === null, evictedAt]).toEqual([load < 100, null]);
    }
    await client.config("SET", "maxmemory-policy", "allkeys-lru");
  });

  test("memory: one that holds keys, or has no maxmemory, is not filled", async () => {
    await client.set("precious", "1");
    const { file, out } = configured(memory());
    const refused = await run(["gate", "capacity", "run", "-c", file], { env });
    expect(refused).toMatchObject({ code: 3 });
    expect(refused.stderr).toMatch(/holds 1 keys: filling it may evict them; give an empty one, or confirm: true/);
    await client.config("SET", "maxmemory", "0");
    const limitless = await run(["gate", "capacity", "run", "-c", file], { env });
    expect(limitless.stderr).toMatch(/has no maxmemory/);
    expect(limitless.code).toBe(3);
    expect(existsSync(out)).toBe(false);
    expect(await client.get("precious")).toBe("1");
    await client.config("SET", "maxmemory", "8mb");
    await client.del("precious");
  });

  test("redis-benchmark: the whole ramp, with its password, and nothing left behind", async () => {
    const { file } = configured(
      `capacity: { bench: { driver: redis-benchmark, target: "${server.url}", ramp: { from: 1, to: 16, step: 3, reps: 5 }, knee: { methods: [kneedle, usl], minAgreement: 2 }, stepSeconds: 0.01 } }`,
    );
    const { code, stdout } = await run(["gate", "capacity", "run", "-c", file, "--json"], { env });
    expect([0, 3]).toContain(code);
    const [{ points }] = JSON.parse(stdout) as [CapacityResult];
    expect(points.map(({ load, repetitions }) => [load, repetitions])).toEqual(
      [1, 4, 7, 10, 13, 16].map((n) => [n, 5]),
    );
    for (const { throughput, p50, p99 } of points) {
      expect(throughput).toBeGreaterThan(100);
      expect(p99!).toBeGreaterThanOrEqual(p50!);
    }
    expect(await client.dbsize()).toBe(0);
  });

  test("a server that is not there is no pass", async () => {
    const { file } = configured(memory().replace(String(server.port), "1"));
    const { code, stderr } = await run(["gate", "capacity", "run", "-c", file], { env });
    expect(stderr).toMatch(/redis:\/\/127\.0\.0\.1:1 does not answer/);
    expect(code).toBe(3);
  });
});
