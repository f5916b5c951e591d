import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync, chmodSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../../snowshed/test/support/redis.ts";
import { freePort } from "../../../../snowshed/test/support/server-programs.ts";
import { lockChaos } from "../../../src/gate/chaos/lock.ts";
import type { ChaosFiles } from "../../support/chaos.ts";
import { chaosFiles, runChaos } from "../../support/chaos.ts";
import { run } from "../../support/memory-io.ts";

const bin = fileURLToPath(new URL("../../../dist/bin.js", import.meta.url));

let redis: RedisServer;
let port: number;
beforeAll(async () => {
  redis = await startRedis();
  port = await freePort();
}, 300_000);
afterAll(() => redis.stop());

/** A delay in front of Redis, which a PING through the proxy sees. */
function delay(more: object = {}, fault: object = {}): object {
  const through = { probe: "redis", target: `127.0.0.1:${port}`, timeoutMs: 2000 };
  return {
    id: "redis-delay",
    steadyState: [{ ...through, maxMs: 200 }],
    fault: {
      engine: "embedded",
      target: `127.0.0.1:${redis.port}`,
      listen: `127.0.0.1:${port}`,
      kind: "latency",
      delayMs: 300,
      durationS: 0.35,
      probeEveryMs: 20,
      settleS: 10,
      ...fault,
    },
    faultSeen: { ...through, minMs: 250 },
    recover: { withinS: 5, expect: ["steady-state"] },
    ...more,
  };
}

function journals({ state }: ChaosFiles): string[] {
  return existsSync(state) ? readdirSync(state).filter((name) => name.endsWith(".journal")) : [];
}

describe("an experiment", () => {
  test("passes when the fault was seen and the service has recovered; nothing is left behind", async () => {
    const files = chaosFiles([delay()]);
    const { code, stage, stderr } = await runChaos(files);
    expect([code, stage?.verdict, stage?.findings]).toEqual([0, "pass", []]);
    expect(stderr).toContain("redis-delay: latency in front of");
    const { outcome, observations } = stage!.facts.experiments![0]!;
    expect([outcome, new Set(observations.map(({ phase }) => phase))]).toEqual([
      "recovered",
      new Set(["before", "fault", "after"]),
    ]);
    expect(journals(files)).toEqual([]);
  });

  test("a fault that no probe saw is inconclusive, not a pass", async () => {
    // The probe goes past the proxy.
    const around = { probe: "redis", target: `127.0.0.1:${redis.port}`, minMs: 250 };
    const { code, stage } = await runChaos(chaosFiles([delay({ faultSeen: around })]));
    expect([code, stage?.verdict, stage?.facts.experiments?.[0]?.outcome]).toEqual([
      3,
      "inconclusive",
      "fault-not-seen",
    ]);
  });

  test("a probe that sees a fault before there is one cannot tell: nothing is injected", async () => {
    const always = { probe: "redis", target: `127.0.0.1:${port}`, minMs: 0 };
    const { code, stage, stderr } = await runChaos(chaosFiles([delay({ faultSeen: always })]));
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([3, "steady-state"]);
    expect(stage?.facts.experiments?.[0]?.message).toContain("sees a fault already");
    expect(stderr).not.toContain("for 0.35 s");
  });

  test("a service that does not recover blocks", async () => {
    const expected = { probe: "http", url: `http://127.0.0.1:${redis.port}/` };
    const { code, stage } = await runChaos(chaosFiles([delay({ recover: { withinS: 0.3, expect: [expected] } })]));
    expect([code, stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/recovers-in-time"]]);
  });

  test("the abort condition ends the fault early, and blocks", async () => {
    const abortWhen = { probe: "redis", target: `127.0.0.1:${port}`, minMs: 250 };
    const { code, stage } = await runChaos(chaosFiles([delay({ abortWhen }, { durationS: 600 })]));
    expect([code, stage?.findings.map(({ rule }) => rule)]).toEqual([1, ["chaos/abort-condition-not-met"]]);
  });

  test("recovery can be asked for while the fault lasts", async () => {
    const ends = { probe: "redis", target: `127.0.0.1:${port}`, minMs: 250 };
    const files = chaosFiles([
      delay({ recover: { withinS: 5, expect: [ends] } }, { duringFault: true, durationS: 600 }),
    ]);
    expect((await runChaos(files)).stage?.facts.experiments?.[0]?.outcome).toBe("recovered");
  });

  test("a steady state that does not hold: nothing is injected", async () => {
    const broken = { probe: "tcp", target: `127.0.0.1:${await freePort()}` };
    const { code, stage, stderr } = await runChaos(chaosFiles([delay({ steadyState: [broken] }, { settleS: 0 })]));
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([3, "steady-state"]);
    expect(stderr).not.toContain("for 0.35 s");
  });

  test("a port that is taken: the injection failed, which is no pass", async () => {
    const { code, stage } = await runChaos(chaosFiles([delay({}, { listen: `127.0.0.1:${redis.port}` })]));
    expect([code, stage?.facts.experiments?.[0]?.outcome]).toEqual([3, "injection"]);
  });

  test("Ctrl-C in the middle of a fault takes it back, and the code is 130", async () => {
    const files = chaosFiles([delay({}, { durationS: 600 })]);
    const interrupt = new AbortController();
    const running = runChaos(files, interrupt.signal);
    await expect.poll(() => journals(files).length, { timeout: 10_000 }).toBe(1);
    const [name] = journals(files);
    // Only its user reads it.
    expect(statSync(path.join(files.state, name!)).mode & 0o777).toBe(0o600);
    interrupt.abort("SIGINT");
    expect((await running).code).toBe(130);
    expect(journals(files)).toEqual([]);
  });
});

describe("what is refused", () => {
  test.each([
    ["a target that is not loopback", {}, { target: "192.0.2.1:6379" }, {}],
    ["a target that is not in the list", {}, {}, { targets: ["127.0.0.1:1"] }],
    ["a proxy for others", {}, { listen: "0.0.0.0:1" }, {}],
    ["a fault without its figure", {}, { delayMs: 0 }, {}],
    ["a field that is none", {}, { delayms: 3 }, {}],
    ["a kind the engine has not", {}, { kind: "kill" }, {}],
    ["a probe that is none", { faultSeen: { probe: "ping" } }, {}, {}],
    ["a field of a probe that is none", { faultSeen: { probe: "tcp", target: "127.0.0.1:1", minMS: 1 } }, {}, {}],
    ["an expectation that is none", { recover: { withinS: 1, expect: ["all-well"] } }, {}, {}],
  ])("%s: exit code 2, and nothing is done", async (_, more, fault, top) => {
    const files = chaosFiles([delay(more, fault)], top);
    const { code, stderr } = await runChaos(files);
    expect([code, stderr.includes("redis-delay")]).toEqual([2, true]);
    expect(journals(files)).toEqual([]);
  });

  test("a target in the list is not", async () => {
    const { code } = await runChaos(chaosFiles([delay()], { targets: [`127.0.0.1:${redis.port}`] }));
    expect(code).toBe(0);
  });

  test("a signal for another machine: who listens at the same port here is left alone", async () => {
    const own = await freePort();
    const script = `require("net").createServer((s) => s.end()).listen(${own}, () => console.log("there"))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    const target = `192.0.2.1:${own}`;
    const probe = { probe: "tcp", target: `127.0.0.1:${own}` };
    const fault = { engine: "signal", target, kind: "pause", durationS: 0.2, settleS: 0 };
    const rest = { faultSeen: { ...probe, fails: true }, recover: { withinS: 5, expect: ["steady-state"] } };
    const { code, stage } = await runChaos(
      chaosFiles([{ id: "pause", steadyState: [probe], fault, ...rest }], { targets: [target] }),
    );
    expect([code, stage?.facts.experiments?.[0]?.message]).toEqual([
      3,
      expect.stringContaining("192.0.2.1 is no address of this machine"),
    ]);
    expect(readFileSync(`/proc/${child.pid}/stat`, "utf8")).not.toMatch(/\) T /);
  });

  test("production", async () => {
    const { code, stage } = await runChaos(chaosFiles([delay()], { environment: "production" }));
    expect([code, stage?.verdict]).toEqual([3, "inconclusive"]);
  });

  test("a second run at the same time; one that is dead does not count", async () => {
    const files = chaosFiles([delay()]);
    const lock = await lockChaos(files.state);
    const { code, stage } = await runChaos(files);
    expect([code, stage?.notes[0]?.message]).toEqual([3, expect.stringContaining(`process ${process.pid}`)]);
    await lock.release();
    const holder = `import { lockChaos } from ${JSON.stringify(new URL("../../../dist/gate/chaos/lock.js", import.meta.url).href)};
      await lockChaos(${JSON.stringify(files.state)}); process.stdout.write("held"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", holder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stdout, "data");
    await expect(lockChaos(files.state)).rejects.toThrow(`process ${child.pid}`);
    child.kill("SIGKILL");
    await once(child, "close");
    await (await lockChaos(files.state)).release();
  });
});

describe("a gate that is killed", () => {
  test("with -9: the watchdog continues the process that was paused", async () => {
    const victim = spawn(
      process.execPath,
      [
        "-e",
        "require('net').createServer(s=>s.pipe(s)).listen(0,'127.0.0.1',function(){console.log(this.address().port)})",
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    onTestFinished(() => void victim.kill("SIGKILL"));
    const [said] = (await once(victim.stdout, "data")) as [Buffer];
    const at = `127.0.0.1:${String(said).trim()}`;
    const probe = { probe: "tcp", target: at };
    const files = chaosFiles([
      {
        id: "pause",
        steadyState: [probe],
        fault: { engine: "signal", target: at, kind: "pause", durationS: 600 },
        faultSeen: { ...probe, fails: true },
        recover: { withinS: 5, expect: ["steady-state"] },
      },
    ]);
    const gate = spawn(process.execPath, [bin, "gate", "chaos", "run", "-c", files.config], {
      env: files.env,
      stdio: "ignore",
    });
    onTestFinished(() => void gate.kill("SIGKILL"));
    const state = (): string => readFileSync(`/proc/${victim.pid}/stat`, "utf8").replace(/.*\) /, "").slice(0, 1);
    await expect.poll(state, { timeout: 20_000 }).toBe("T");
    expect(journals(files)).toHaveLength(1);
    gate.kill("SIGKILL");
    await expect.poll(state, { timeout: 20_000 }).not.toBe("T");
    await expect.poll(() => journals(files), { timeout: 20_000 }).toEqual([]);
  });

  test("and its watchdog, too: the next run refuses, and heal replays the journal", async () => {
    const victim = spawn("sleep", ["600"], { stdio: "ignore" });
    onTestFinished(() => void victim.kill("SIGKILL"));
    const stat = (): string[] => readFileSync(`/proc/${victim.pid}/stat`, "utf8").replace(/.*\) /, "").split(" ");
    const files = chaosFiles([delay()]);
    mkdirSync(files.state, { recursive: true });
    const file = path.join(files.state, "pause-1-1.journal");
    const undo = [{ kind: "continue", pid: victim.pid, startTime: stat()[19] }];
    const entry = { version: 1, experiment: "pause", description: "", pid: 1, startTime: "0", undo };
    writeFileSync(file, JSON.stringify(entry), { mode: 0o600 });
    victim.kill("SIGSTOP");
    await expect.poll(() => stat()[0]).toBe("T");
    expect((await runChaos(files)).code).toBe(3);
    chmodSync(file, 0o666);
    expect(await run(["gate", "chaos", "heal"], { env: files.env })).toMatchObject({ code: 1 });
    expect(stat()[0]).toBe("T");
    chmodSync(file, 0o600);
    const healed = await run(["gate", "chaos", "heal"], { env: files.env });
    expect([healed.code, healed.stderr]).toEqual([0, "snowshed: pause: healed\n"]);
    await expect.poll(() => stat()[0]).toMatch(/[RS]/);
    expect(await run(["gate", "chaos", "heal"], { env: files.env })).toMatchObject({ code: 0 });
  });

  test("a journal that names another program is not carried out", async () => {
    const files = chaosFiles([]);
    mkdirSync(files.state, { recursive: true });
    const step = { kind: "program", program: "touch", args: [path.join(files.state, "made")], gone: [] };
    const entry = { version: 1, experiment: "x", description: "", pid: 1, startTime: "0", undo: [step] };
    writeFileSync(path.join(files.state, "x-1-1.journal"), JSON.stringify(entry), { mode: 0o600 });
    writeFileSync(path.join(files.state, "y-1-2.journal"), "{", { mode: 0o600 });
    const { code, stderr } = await run(["gate", "chaos", "heal"], { env: files.env });
    expect([code, stderr.split("\n").length]).toEqual([1, 3]);
    expect(existsSync(path.join(files.state, "made"))).toBe(false);
  });
});

describe("plan and proxy", () => {
  test("plan says what would be done, and does nothing", async () => {
    const files = chaosFiles([delay()]);
    const { code, stdout } = await run(["gate", "chaos", "plan", "-c", files.config], { env: files.env });
    expect(code).toBe(0);
    expect(stdout).toContain("latency downstream");
    expect(stdout).toContain("undo ");
    expect(existsSync(files.state)).toBe(false);
    expect(await run(["gate", "chaos", "plan", "none", "-c", files.config], { env: files.env })).toMatchObject({
      code: 2,
    });
  });

  test("the proxy of its own, driven by the engine toxiproxy", async () => {
    const [api, listen] = [await freePort(), await freePort()];
    const interrupt = new AbortController();
    const args = ["--listen", `127.0.0.1:${api}`, "--proxy", `redis=127.0.0.1:${listen},127.0.0.1:${redis.port}`];
    const proxy = run(["gate", "chaos", "proxy", ...args], { interrupt: interrupt.signal });
    await expect.poll(async () => (await fetch(`http://127.0.0.1:${api}/version`)).status).toBe(200);
    const through = { probe: "redis", target: `127.0.0.1:${listen}`, write: true };
    const fault = {
      engine: "toxiproxy",
      target: { url: `http://127.0.0.1:${api}`, proxies: ["redis"] },
      listen: undefined,
    };
    const experiment = delay(
      { steadyState: [{ ...through, maxMs: 200 }], faultSeen: { ...through, minMs: 250 } },
      fault,
    );
    const { code } = await runChaos(chaosFiles([experiment]));
    const { redis: left } = (await (await fetch(`http://127.0.0.1:${api}/proxies`)).json()) as {
      redis: { toxics: unknown };
    };
    expect([code, left.toxics]).toEqual([0, []]);
    // It is not there any more: named as missing, not passed.
    interrupt.abort("SIGINT");
    expect((await proxy).code).toBe(130);
    expect((await runChaos(chaosFiles([experiment]))).stage?.facts.experiments?.[0]?.outcome).toBe("engine-missing");
    await expect(once(connect(listen, "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
  });

  test("what toxiproxy-server refuses is said to be refused, and by what it would be taken", async () => {
    // It answers as the real one does, which knows neither the toxic nor half a kilobyte.
    const server = createServer((request, response) => {
      if (request.method === "GET") response.end(JSON.stringify({ upstream: `127.0.0.1:${redis.port}` }));
      else if (request.method === "DELETE") response.writeHead(404).end('{"error":"toxic not found","status":404}\n');
      else response.writeHead(400).end('{"error":"invalid toxic type","status":400}\n');
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const through = { probe: "redis", target: `127.0.0.1:${redis.port}` };
    const target = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, proxies: ["redis"] };
    const fault = { engine: "toxiproxy", target, listen: undefined, kind: "loss", delayMs: undefined, percent: 5 };
    const experiment = delay({ steadyState: [through], faultSeen: { ...through, minMs: 250 } }, fault);
    const { code, stage } = await runChaos(chaosFiles([experiment]));
    expect([code, stage?.facts.experiments?.[0]?.message]).toEqual([
      3,
      expect.stringMatching(
        /could not be injected: POST .*"invalid toxic type","status":400}; toxiproxy-server knows lat/,
      ),
    ]);
  });

  test("the proxy with a slip in it gives the port of its API back", async () => {
    const own = await freePort();
    const args = ["gate", "chaos", "proxy", "--listen", `127.0.0.1:${own}`];
    const taken = `redis=127.0.0.1:${redis.port},127.0.0.1:1`;
    for (const wrong of ["redis", "redis=127.0.0.1:0,192.0.2.1:6379", taken]) {
      const { code, stderr } = await run([...args, "--proxy", wrong]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("snowshed: ")]);
      await expect(once(connect(own, "127.0.0.1"), "connect")).rejects.toThrow("ECONNREFUSED");
    }
  });
});
