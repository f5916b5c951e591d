import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { WatchedProcess } from "../../../snowshed/test/support/watched-process.ts";
import { privateFolder, startProgram } from "../../../snowshed/test/support/watched-process.ts";
import { run } from "../support/memory-io.ts";

vi.setConfig({ testTimeout: 60_000 });

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

/** Whether somebody listens on the port. */
function isOpen(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

interface Scene {
  readonly folder: string;
  readonly port: string;
  readonly program: WatchedProcess;
}

/** A program with a task that waits, which runs `block` on the first step and then says "free". */
async function blocking(block: string, isBlocked = true): Promise<Scene> {
  const [folder, port] = [privateFolder(), await freePort()];
  const program = await startProgram(
    `
    import { Semaphore, WaitGroup } from "snowshed";
    import { enable, listen } from "snowshed/diagnostics";
    import { execFileSync } from "node:child_process";
    import { existsSync } from "node:fs";
    enable("production");
    await listen({ folder: ${JSON.stringify(folder)} });
    const gate = new Semaphore(1, { name: "gate" });
    await gate.acquire();
    const group = new WaitGroup({ name: "waiters" });
    group.go(() => gate.run(() => {}), { name: "waiter" });
    console.log("ready");
    await step();
    const freed = ${JSON.stringify(path.join(folder, "free"))};
    console.log("blocks");
    (function busyLoop() { ${block} })();
    console.log("free");
    await step();
    gate.release();
    await group.wait();
    console.log("went on");
    await step();
    `,
    { env: { NODE_OPTIONS: `--inspect-port=${port}` } },
  );
  program.step();
  await program.says(isBlocked ? "blocks" : "free");
  return { folder, port, program };
}

/** Ends what blocks the program. */
async function free({ folder, program }: Scene): Promise<void> {
  const { writeFileSync } = await import("node:fs");
  writeFileSync(path.join(folder, "free"), "");
  await program.says("free");
}

async function goesOn({ program }: Scene): Promise<void> {
  program.step();
  await program.says("went on");
}

const spin = "while (!existsSync(freed));";

test("a blocked event loop: a plain command ends in bounded time and says what to do, --inspector says what blocks", async () => {
  const scene = await blocking(spin);
  const { folder, port, program } = scene;
  const id = String(program.pid);
  for (const argv of [["ps", id], ["dump", id], ["watch", id, "--json"], ["ps"]]) {
    const began = performance.now();
    const { code, stdout, stderr } = await run([...argv, "--folder", folder, "--timeout", "300ms"]);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect([argv, code]).toEqual([argv, 3]);
    expect(stdout + stderr).toContain(
      `the event loop of process ${id} has not answered in 300 ms: something in it computes or blocks. ` +
        `What that is: snowshed dump --inspector ${id}`,
    );
  }
  const file = path.join(folder, "dump.json");
  const dumped = await run(["dump", "--inspector", id, "--inspector-port", port, "--folder", folder, "-o", file]);
  expect([dumped.code, dumped.stdout]).toEqual([0, ""]);
  expect(dumped.stderr).toMatch(/^snowshed: process \d+ is in .*\nsnowshed: 1 task written to /);
  expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
  const dump = JSON.parse(readFileSync(file, "utf8")) as { tasks: unknown[]; stack: string[] };
  expect(dump.tasks).toMatchObject([{ name: "waiter", state: "waiting", wait: { name: "gate" } }]);
  expect(dump.stack.some((frame) => /^busyLoop \(.+:\d+:\d+\)$/.test(frame))).toBe(true);
  const viewed = await run(["view", file]);
  expect(viewed.stdout).toMatch(/the program is in\n(?: {2}at .*\n)* {2}at busyLoop \(/);
  // As before: the inspector is closed, also when the event loop, which heard the signal too, is free again.
  expect(await isOpen(port)).toBe(false);
  await free(scene);
  await program.warns(/Debugger listening[^]*Debugger listening/);
  await expect.poll(() => isOpen(port), { timeout: 15_000 }).toBe(false);
  await goesOn(scene);
  expect((await run(["ps", id, "--folder", folder])).code).toBe(0);
});

test("a wait that is no computation, Atomics.wait(), is interrupted too", async () => {
  const scene = await blocking("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);");
  const { folder, port, program } = scene;
  const { code, stdout } = await run([
    "dump",
    "--inspector",
    String(program.pid),
    "--inspector-port",
    port,
    "--folder",
    folder,
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ tasks: [{ name: "waiter" }] });
  await program.says("free");
  await goesOn(scene);
});

test("a call of the system cannot be interrupted: that is said, in bounded time, and the inspector closes afterwards", async () => {
  const scene = await blocking('execFileSync("sh", ["-c", `while ! test -e ${freed}; do sleep 0.1; done`]);');
  const { folder, port, program } = scene;
  const argv = ["dump", "--inspector", String(program.pid), "--inspector-port", port, "--folder", folder];
  const { code, stdout, stderr } = await run([...argv, "--timeout", "500ms"]);
  expect([code, stdout]).toEqual([3, ""]);
  expect(stderr).toContain("a call of the system that nothing interrupts, such as execSync()");
  await free(scene);
  await program.warns(/Debugger listening/);
  await expect.poll(() => isOpen(port), { timeout: 10_000 }).toBe(false);
  await goesOn(scene);
});

test("a free event loop is asked the same way, without being stopped", async () => {
  const scene = await blocking("", false);
  const { folder, port, program } = scene;
  const id = String(program.pid);
  const { code, stdout } = await run(["dump", "--inspector", id, "--inspector-port", port, "--folder", folder]);
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { tasks: [{ name: "waiter" }] }]);
  expect(JSON.parse(stdout)).toHaveProperty("stack", []);
  await expect.poll(() => isOpen(port), { timeout: 15_000 }).toBe(false);
  await goesOn(scene);
});

test("an inspector that was open stays open", async () => {
  const scene = await blocking("", false);
  const { folder, port, program } = scene;
  program.child.kill("SIGUSR1");
  await expect.poll(() => isOpen(port), { timeout: 15_000 }).toBe(true);
  const argv = ["dump", "--inspector", String(program.pid), "--inspector-port", port, "--folder", folder];
  expect([(await run(argv)).code, (await run(argv)).code, await isOpen(port)]).toEqual([0, 0, true]);
  await goesOn(scene);
  expect(await isOpen(port)).toBe(true);
});

test("another process at the port is left alone", async () => {
  const scene = await blocking("", false);
  const { folder, port, program } = scene;
  const other = spawn(process.execPath, [`--inspect=127.0.0.1:${port}`, "-e", "setInterval(() => {}, 1000)"], {
    stdio: "ignore",
  });
  onTestFinished(() => void other.kill("SIGKILL"));
  await expect.poll(() => isOpen(port), { timeout: 20_000 }).toBe(true);
  const argv = ["dump", "--inspector", String(program.pid), "--inspector-port", port, "--folder", folder];
  const { code, stderr } = await run(argv);
  expect([code, stderr]).toEqual([
    2,
    `snowshed: the inspector at 127.0.0.1:${port} is that of process ${other.pid}, not of ${program.pid}\n`,
  ]);
  expect([await isOpen(port), other.exitCode, program.stderr]).toEqual([true, null, ""]);
  await goesOn(scene);
});

test("a process that would end by the signal does not get it", async () => {
  // What `sleep` does not hear would end it. Its socket is one that a process left which had its number.
  const folder = privateFolder();
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const server = createServer().listen(path.join(folder, `${child.pid}.sock`));
  onTestFinished(() => void server.close());
  await once(server, "listening");
  expect(existsSync(path.join(folder, `${child.pid}.sock`))).toBe(true);
  const port = await freePort();
  const { code, stderr } = await run(["dump", "--inspector", "--inspector-port", port, "--folder", folder]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("does not hear SIGUSR1")]);
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
});

test("a process that is stopped is said to be", async () => {
  const scene = await blocking("", false);
  const { folder, port, program } = scene;
  program.child.kill("SIGSTOP");
  await expect
    .poll(() => readFileSync(`/proc/${program.pid}/status`, "utf8"), { timeout: 15_000 })
    .toMatch(/^State:\s+T/m);
  for (const argv of [
    ["ps", String(program.pid), "--timeout", "300ms"],
    ["dump", "--inspector", "--inspector-port", port],
  ]) {
    const { code, stderr } = await run([...argv, "--folder", folder]);
    expect([code > 1, stderr]).toEqual([true, expect.stringContaining(`kill -CONT ${program.pid} lets it go on`)]);
  }
  program.child.kill("SIGCONT");
  await goesOn(scene);
});
