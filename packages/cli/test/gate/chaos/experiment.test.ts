import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../../snowshed/test/support/redis.ts";
import { freePort, run as runProgram } from "../../../../snowshed/test/support/server-programs.ts";
import { stateProblem } from "../../../src/gate/chaos/journal.ts";
import { lockChaos } from "../../../src/gate/chaos/lock.ts";
import { chaosStage } from "../../../src/gate/chaos/stage.ts";
import { loadConfig, parseConfig } from "../../../src/gate/config/load.ts";
import type { FaultProxy } from "../../../src/gate/chaos/proxy.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import type { ChaosFiles } from "../../support/chaos.ts";
import { chaosFiles, runChaosStage } from "../../support/chaos.ts";
import { run } from "../../support/memory-io.ts";

// What an experiment concludes when its probes say less than they seem to, and what becomes of its fault when the record of
// it is cut off, gone, in somebody else's hands, or cannot be written.

let redis: RedisServer;
let port: number;
beforeAll(async () => {
  redis = await startRedis();
  port = await freePort();
}, 300_000);
afterAll(() => redis.stop());

const through = () => ({ probe: "redis", target: `127.0.0.1:${port}`, timeoutMs: 2000 });

/** A delay in front of Redis, which a PING through the proxy sees. */
function delay(more: object = {}, fault: object = {}): object {
  return {
    id: "redis-delay",
    steadyState: [{ ...through(), maxMs: 200 }],
    fault: {
      engine: "embedded",
      target: `127.0.0.1:${redis.port}`,
      listen: `127.0.0.1:${port}`,
      kind: "latency",
      delayMs: 300,
      durationS: 0.35,
      probeEveryMs: 20,
      ...fault,
    },
    faultSeen: { ...through(), minMs: 250 },
    recover: { withinS: 5, expect: ["steady-state"] },
    ...more,
  };
}

async function outcomeOf(
  experiment: object,
): Promise<{ readonly code: number; readonly outcome: string; readonly message: string }> {
  const { code, stage } = await runChaosStage(chaosFiles([experiment]));
  const [result] = stage?.facts.experiments ?? [];
  return { code, outcome: result?.outcome ?? "", message: result?.message ?? "" };
}

/** Takes its time, and always succeeds: one that is under way when the fault ends is cut off. */
const slow = { probe: "command", command: ["sleep", "0.3"], fails: true };

describe("a probe that is cut off by the end of the fault", () => {
  test("has not failed: the fault was not seen", async () => {
    expect(await outcomeOf(delay({ faultSeen: slow }))).toMatchObject({ code: 3, outcome: "fault-not-seen" });
  });

  test("has not met the abort condition, and one that fails has", async () => {
    expect(await outcomeOf(delay({ abortWhen: slow }))).toMatchObject({ code: 0, outcome: "recovered" });
    const failing = { ...through(), fails: true, timeoutMs: 200 };
    expect(await outcomeOf(delay({ abortWhen: failing }, { durationS: 600 }))).toMatchObject({
      code: 1,
      outcome: "aborted",
    });
  });
});

test("a fault that nobody saw while recovery is asked for during it: nothing was tested, and nothing blocks", async () => {
  const around = { probe: "redis", target: `127.0.0.1:${redis.port}`, minMs: 250 };
  const unseen = delay({ faultSeen: around }, { duringFault: true, durationS: 0.3 });
  expect(await outcomeOf(unseen)).toMatchObject({ code: 3, outcome: "fault-not-seen" });
});

describe("an abort condition", () => {
  test("that is met before there is a fault: nothing is injected", async () => {
    const met = { ...through(), minMs: 0 };
    const { code, outcome, message } = await outcomeOf(delay({ abortWhen: met }, { settleS: 0 }));
    expect([code, outcome]).toEqual([3, "steady-state"]);
    expect(message).toContain("nothing was injected: the abort condition is met already");
  });

  test("that cannot be asked could not end the fault: nothing is injected", async () => {
    const abortWhen = { probe: "prometheus", url: `http://127.0.0.1:${await freePort()}`, query: "up", min: 50 };
    const { code, outcome, message } = await outcomeOf(delay({ abortWhen }, { settleS: 0 }));
    expect([code, outcome]).toEqual([3, "steady-state"]);
    expect(message).toContain("nothing was injected: the abort condition cannot be asked");
  });
});

test("a probe that never answers is no pass, and does not hold the gate", async () => {
  const server = createServer(() => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const silent = { probe: "http", url, timeoutMs: 60_000 };
  // As the steady state, as what recovers, and as what sees the fault.
  expect(await outcomeOf(delay({ steadyState: [{ ...silent, timeoutMs: 50 }] }, { settleS: 0 }))).toMatchObject({
    code: 3,
    outcome: "steady-state",
  });
  expect(await outcomeOf(delay({ recover: { withinS: 0.2, expect: [silent] } }))).toMatchObject({
    code: 1,
    outcome: "not-recovered",
  });
});

test("who is interrupted between two experiments has not passed the second", async () => {
  const files = chaosFiles([delay(), delay({ id: "second" })]);
  const interrupt = new AbortController();
  const { verdict, notes } = await chaosStage.run({
    ...(await loadConfig(files.config)),
    rules: [],
    live: true,
    explicit: true,
    env: files.env,
    now: new Date(0),
    signal: interrupt.signal,
    say: async (text) => {
      if (text.includes(": recovered")) interrupt.abort("SIGINT");
    },
  });
  expect([verdict, notes.map(({ kind, message }) => `${kind} ${message}`)]).toEqual([
    "inconclusive",
    [expect.stringContaining("info redis-delay: recovered"), "failed second: it was interrupted before it began"],
  ]);
});

test.each(["prod_eu", "my-production", "PROD"])("the stage itself injects nothing in %s", async (environment) => {
  const { code, stage, stderr } = await runChaosStage(chaosFiles([delay()], { environment }));
  expect([code, stage?.verdict, stage?.notes[0]?.message]).toEqual([
    3,
    "inconclusive",
    expect.stringContaining(`the environment is ${environment}`),
  ]);
  expect(stderr).toBe("");
});

test("an injection that fails half-way is taken back whole", async () => {
  const api = new ToxiproxyApi(new AllowList(undefined));
  const { port: apiPort } = await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  const upstream = { host: "127.0.0.1", port: redis.port };
  const [first, second] = await Promise.all(
    ["first", "second"].map((name) => api.create(name, { host: "127.0.0.1", port: 0 }, upstream)),
  );
  const left = { type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 1, jitter: 0 } } as const;
  second!.add({ ...left, name: "snowshed-redis-delay-latency-downstream" });
  const target = { url: `http://127.0.0.1:${apiPort}`, proxies: ["first", "second"] };
  const seen = { probe: "redis", target: first!.listen };
  const experiment = delay(
    { steadyState: [seen], faultSeen: { ...seen, minMs: 250 } },
    { engine: "toxiproxy", target, listen: undefined },
  );
  const { code, outcome, message } = await outcomeOf(experiment);
  expect([code, outcome]).toEqual([3, "injection"]);
  expect(message).toContain("toxic already exists");
  expect([first!.toxics, second!.toxics]).toEqual([[], []]);
});

const bin = fileURLToPath(new URL("../../../dist/bin.js", import.meta.url));

/** An API of fault proxies in this process, and an experiment that holds everything at one of them. */
async function held(durationS: number): Promise<{ readonly proxy: FaultProxy; readonly files: ChaosFiles }> {
  const api = new ToxiproxyApi(new AllowList(undefined));
  const { port } = await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  // In front of the API itself, which answers.
  const proxy = await api.create("api", { host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
  const probe = { probe: "http", url: `http://${proxy.listen}/version`, timeoutMs: 100 };
  const files = chaosFiles([
    {
      id: "held",
      steadyState: [{ ...probe, timeoutMs: 5000 }],
      fault: {
        engine: "toxiproxy",
        target: { url: `http://127.0.0.1:${port}`, proxies: ["api"] },
        kind: "black-hole",
        durationS,
        probeEveryMs: 20,
      },
      faultSeen: { ...probe, fails: true },
      recover: { withinS: 10, expect: ["steady-state"] },
    },
  ]);
  return { proxy, files };
}

function journals({ state }: ChaosFiles): string[] {
  return existsSync(state) ? readdirSync(state) : [];
}

describe("a run knows what it injected, whatever becomes of the journal", () => {
  test.each([
    ["cut off", (file: string) => truncateSync(file, 20)],
    ["gone", (file: string) => unlinkSync(file)],
  ])("%s: the fault is taken back all the same, and nothing is left", async (_, spoil) => {
    const { proxy, files } = await held(0.5);
    const running = runChaosStage(files);
    await expect.poll(() => proxy.toxics.length, { timeout: 10_000 }).toBe(2);
    spoil(path.join(files.state, journals(files)[0]!));
    const { code } = await running;
    expect([code, proxy.toxics, journals(files)]).toEqual([0, [], []]);
  });
});

test("on a full disk nothing is injected, and no half of a journal is left that no heal could read", async () => {
  const { proxy, files } = await held(600);
  // No file may have a byte: what a write answers then is an error, as on a full disk.
  const script = 'ulimit -f 0; exec "$0" "$@"';
  const gate = spawn("sh", ["-c", script, process.execPath, bin, "gate", "chaos", "run", "-c", files.config], {
    env: files.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  gate.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(gate, "close")) as [number];
  expect([code, said]).toEqual([3, expect.stringContaining("nothing was injected")]);
  expect([proxy.toxics, journals(files)]).toEqual([[], []]);
});

describe("heal", () => {
  test.each([
    ["a file where the folder of its state is to be", "state"],
    ["a file where its folder is to be", "state/chaos"],
  ])("says which folder it cannot use, and what to do: %s", async (_, name) => {
    const files = chaosFiles([delay()]);
    const file = path.join(path.dirname(files.config), name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "");
    const { code, stderr } = await run(["gate", "chaos", "heal"], { env: files.env });
    expect(stderr).toMatch(/whether a fault is left is not known: .* cannot be used: .* \((?:ENOTDIR|EEXIST)\)/);
    expect(stderr).toContain(files.state);
    expect(stderr).toContain("$SNOWSHED_STATE_DIR");
    expect(code).toBe(3);
    // Nor can there be word of a fault before it: none is injected.
    const { code: ran, stage } = await runChaosStage(files);
    expect([ran, stage?.notes[0]?.message]).toEqual([3, expect.stringContaining(`${files.state} cannot be used`)]);
  });

  test("a folder that it may not read is named, with whose it should be", () => {
    const denied = Object.assign(new Error("EACCES: permission denied, scandir '/x'"), { code: "EACCES" });
    expect(stateProblem("/var/x/chaos", denied)).toMatch(
      /\/var\/x\/chaos cannot be used: permission denied \(EACCES\).*as the user who ran the experiments/,
    );
    expect(stateProblem("/var/x/chaos", new Error("something else"))).toBeUndefined();
  });

  test("does not meddle with a run that goes on: what it took back could be injected after it", async () => {
    const { files } = await held(1);
    const lock = await lockChaos(files.state);
    const refused = await run(["gate", "chaos", "heal"], { env: files.env });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`process ${process.pid}`)]);
    await lock.release();
    expect(await run(["gate", "chaos", "heal"], { env: files.env })).toMatchObject({ code: 0 });
  });

  test("goes on with the other steps when one makes no sense, and says what a person has to do", async () => {
    const files = chaosFiles([]);
    mkdirSync(files.state, { recursive: true });
    const victim = spawn("sleep", ["600"], { stdio: "ignore" });
    onTestFinished(() => void victim.kill("SIGKILL"));
    const stat = async (): Promise<string[]> =>
      (await runProgram("cat", [`/proc/${victim.pid}/stat`])).replace(/.*\) /, "").split(" ");
    victim.kill("SIGSTOP");
    await expect.poll(async () => (await stat())[0]).toBe("T");
    const startTime = (await stat())[19];
    // The last is undone first.
    const undo = [
      { kind: "continue", pid: victim.pid, startTime },
      { kind: "program", program: "nft" },
    ];
    const entry = { version: 1, experiment: "odd", description: "", pid: 1, startTime: "0", undo };
    const file = path.join(files.state, "odd-1-1.journal");
    writeFileSync(file, JSON.stringify(entry), { mode: 0o600 });
    const { code, stderr } = await run(["gate", "chaos", "heal"], { env: files.env });
    expect(code).toBe(1);
    // Asleep or at work, but no longer stopped.
    expect((await stat())[0]).toMatch(/[RS]/);
    expect(stderr).toContain("odd: ");
    // Cut off in the middle of a line, as when the power goes.
    truncateSync(file, 30);
    const cut = await run(["gate", "chaos", "heal"], { env: files.env });
    expect([cut.code, cut.stderr]).toEqual([1, expect.stringContaining("look for its fault yourself, then delete it")]);
  });

  test("leaves alone a process that has the number of the paused one", async () => {
    const files = chaosFiles([]);
    mkdirSync(files.state, { recursive: true });
    const other = spawn("sleep", ["600"], { stdio: "ignore" });
    onTestFinished(() => void other.kill("SIGKILL"));
    other.kill("SIGSTOP");
    const state = async (): Promise<string> =>
      (await runProgram("cat", [`/proc/${other.pid}/stat`])).replace(/.*\) /, "").slice(0, 1);
    await expect.poll(state).toBe("T");
    const undo = [{ kind: "continue", pid: other.pid, startTime: "1" }];
    const entry = { version: 1, experiment: "reused", description: "", pid: 1, startTime: "0", undo };
    writeFileSync(path.join(files.state, "reused-1-1.journal"), JSON.stringify(entry), { mode: 0o600 });
    expect(await run(["gate", "chaos", "heal"], { env: files.env })).toMatchObject({ code: 0 });
    expect([await state(), journals(files)]).toEqual(["T", []]);
  });

  test("reads no link, no folder and no pipe, which would never end", async () => {
    const files = chaosFiles([]);
    mkdirSync(path.join(files.state, "a-1-1.journal"), { recursive: true });
    symlinkSync("/dev/zero", path.join(files.state, "b-1-2.journal"));
    await runProgram("mkfifo", ["-m", "600", path.join(files.state, "c-1-3.journal")]);
    const { code, stderr } = await run(["gate", "chaos", "heal"], { env: files.env });
    expect([code, stderr.trim().split("\n").length]).toEqual([1, 3]);
  });
});

test("the lock is of the folder, by whatever path it is reached", async () => {
  const { files } = await held(1);
  mkdirSync(files.state, { recursive: true });
  const other = path.join(path.dirname(files.config), "other");
  symlinkSync(path.dirname(files.state), other);
  const lock = await lockChaos(files.state);
  onTestFinished(() => lock.release());
  await expect(lockChaos(path.join(other, "chaos"))).rejects.toThrow(`process ${process.pid}`);
});

test.each(["gate-chaos.md", "gate-capacity.md"])("the configurations of %s are valid", (name) => {
  const page = readFileSync(new URL(`../../../../../docs/${name}`, import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```yaml[^\n]*\n(.*?)^```/gms)].map(([, text = ""]) => text);
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of blocks) expect(() => parseConfig(text, name)).not.toThrow();
});
