import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { Ended } from "../support/child-process.ts";

// Processes on a busy machine: the limit of each is the one that counts.
vi.setConfig({ testTimeout: 150_000 });

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "snowshed-register-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What it says where the machine gave it no processor for a while. */
const starved = /^\(node:\d+\) \[SS010\] .*\nSee .*\n(?:\(Use `node --trace-warnings.*\n)?/gm;

/** Runs a program that knows nothing of diagnostics, but for what it prints about itself. */
function run(setting: string | undefined, code: string, runtime: string = folder): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, XDG_RUNTIME_DIR: runtime, NODE_OPTIONS: "", NO_COLOR: "1" };
  delete env["SNOWSHED"];
  if (setting !== undefined) env["SNOWSHED"] = setting;
  const args = ["--import", "snowshed/register", "--input-type=module", "--eval", code];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr: stderr.replace(starved, "") });
    });
  });
}

/** Prints what is installed, once there are as many sockets as there should be. */
const show = (sockets: number): string => `
  import { activeMonitor } from "snowshed/diagnostics";
  import { existsSync, readdirSync } from "node:fs";
  const place = process.env.XDG_RUNTIME_DIR + "/snowshed";
  const find = () => (existsSync(place) ? readdirSync(place).filter((name) => name.includes(String(process.pid))) : []);
  let sockets = find();
  for (let turn = 0; turn < 4000 && sockets.length !== ${sockets}; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    sockets = find();
  }
  console.log(activeMonitor()?.preset ?? "none", "USR2:" + process.listenerCount("SIGUSR2"),
    "exit:" + process.listenerCount("beforeExit"), "sockets:" + sockets.length);`;

describe("node --import snowshed/register", () => {
  test.each([
    [undefined, "production", 1, 1],
    ["", "production", 1, 1],
    ["test", "test", 0, 0],
    ["development,dump", "development", 1, 0],
    ["listen deadlock", "production", 0, 1],
    ["off", "none", 0, 0],
    ["production,off", "none", 0, 0],
  ])("with SNOWSHED=%s watches: %s", async (setting, preset, signals, sockets) => {
    const { code, stdout, stderr } = await run(setting, show(sockets));
    expect([code, stderr]).toEqual([0, ""]);
    const detector = setting === undefined || setting === "" || setting.includes("deadlock") ? 1 : 0;
    expect(stdout).toMatch(new RegExp(`^${preset} USR2:${signals} exit:${detector} sockets:${sockets}\n$`));
  });

  const asleep = `
    import { Semaphore, WaitGroup } from "snowshed";
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    new WaitGroup({ name: "jobs" }).go(() => semaphore.acquire(), { name: "stuck" });`;

  test("ends a process that is asleep with 2 and the reason, only if that is wanted", async () => {
    const found = await run("deadlock", asleep);
    expect([found.code, found.stderr]).toEqual([2, expect.stringContaining('task 1 "stuck" [waiting semaphore')]);
    expect(await run("production", asleep)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("warns of words that it does not know, and the program runs", async () => {
    const { code, stdout, stderr } = await run("development,everything", `console.log("runs");`);
    expect([code, stdout]).toEqual([0, "runs\n"]);
    expect(stderr).toContain('[SNOWSHED_DIAGNOSTICS] SnowshedWarning: snowshed/register: "everything" is unknown');
  });

  test("warns if it cannot listen, and the program runs", async () => {
    const runtime = mkdtempSync(join(folder, "runtime-"));
    // Where its folder should be.
    writeFileSync(join(runtime, "snowshed"), "");
    const code = `await new Promise((resolve) => setImmediate(resolve)); console.log("runs");`;
    const { stdout, stderr } = await run("listen", code, runtime);
    expect(stdout).toBe("runs\n");
    expect(stderr).toContain("[SNOWSHED_DIAGNOSTICS]");
  });
});
