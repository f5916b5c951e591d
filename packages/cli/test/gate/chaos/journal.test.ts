import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { run as runProgram } from "../../../../snowshed/test/support/server-programs.ts";
import { lockChaos } from "../../../src/gate/chaos/lock.ts";
import type { FaultProxy } from "../../../src/gate/chaos/proxy.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import type { ChaosFiles } from "../../support/chaos.ts";
import { chaosFiles, runChaos } from "../../support/chaos.ts";
import { run } from "../../support/memory-io.ts";

// The record of a fault: cut off, gone, in somebody else's hands, on a full disk.

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
    const running = runChaos(files);
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
    expect([code, (await stat())[0]]).toEqual([1, "S"]);
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
