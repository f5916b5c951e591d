import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { installSignalDump } from "snowshed/diagnostics";
import type { Snapshot } from "snowshed/diagnostics";
import { describe, expect, test, vi } from "vitest";
import { privateFolder, startProgram } from "../support/watched-process.ts";
import type { WatchedProcess } from "../support/watched-process.ts";

vi.setConfig({ testTimeout: 60_000 });

const isRoot = process.getuid?.() === 0;

/** A program with tasks that wait, which counts on stdout as long as it runs. */
function dumping(folder: string, more = "", tasks = 3): string {
  return `
    import { Semaphore, WaitGroup } from "snowshed";
    import { enable, installSignalDump } from "snowshed/diagnostics";
    // It may get no processor for a while, and is not to speak of it.
    enable("production", { eventLoopBlocked: Infinity });
    const remove = installSignalDump({ folder: ${JSON.stringify(folder)} });
    const gate = new Semaphore(1, { name: "gate" });
    await gate.acquire();
    const group = new WaitGroup({ name: "waiters" });
    for (let n = 0; n < ${tasks}; n++) group.go(() => gate.run(() => {}), { name: "waiter:" + n });
    ${more}
    console.log("ready");
    await step();
    gate.release();
    await group.wait();
    console.log("went on");
  `;
}

async function goesOn(program: WatchedProcess): Promise<void> {
  program.step();
  await program.says("went on");
}

describe("on its signal", () => {
  test("a process writes a dump that only its user can read, says where, and goes on", async () => {
    const folder = privateFolder(0o755);
    const program = await startProgram(dumping(folder));
    program.child.kill("SIGUSR2");
    await program.warns(/a dump of 3 tasks is in .*\.json\n/);
    const [, file] = /^snowshed: a dump of 3 tasks is in (.*)\n$/.exec(program.stderr)!;
    expect(path.dirname(file!)).toBe(folder);
    expect((statSync(file!).mode & 0o777).toString(8)).toBe("600");
    const dump = JSON.parse(readFileSync(file!, "utf8")) as Snapshot;
    expect(dump).toMatchObject({ schema: "snowshed.dump/1", pid: program.pid, totals: { tasksLive: 3 } });
    expect(dump.tasks.map(({ name, wait }) => [name, wait?.name])).toEqual(
      [0, 1, 2].map((n) => [`waiter:${n}`, "gate"]),
    );
    // Another one is another file; two at once are one.
    program.child.kill("SIGUSR2");
    await program.warns(/(?:snowshed: a dump.*\n){2}/);
    expect(readdirSync(folder)).toHaveLength(2);
    await goesOn(program);
  });

  test("of more tasks than a dump lists it says how many there are", async () => {
    const program = await startProgram(dumping(privateFolder(), "", 10_001));
    program.child.kill("SIGUSR2");
    await program.warns(/a dump of 10000 of 10001 tasks is in .*\.json\n/);
    await goesOn(program);
  });

  test.runIf(isRoot)("no other user can read it", async () => {
    const folder = privateFolder(0o777);
    const program = await startProgram(dumping(folder));
    program.child.kill("SIGUSR2");
    await program.warns(/a dump/);
    const file = path.join(folder, readdirSync(folder)[0]!);
    const read = `try { require("fs").readFileSync(${JSON.stringify(file)}) } catch ({ code }) { console.log(code) }`;
    expect(String(execFileSync(process.execPath, ["-e", read], { uid: 65_534, gid: 65_534 }))).toBe("EACCES\n");
  });

  test("a disk that takes no more is said, leaves nothing behind, and harms nothing", async () => {
    const folder = privateFolder();
    // A file of this process may have a few KiB; what is more is refused as by a full disk.
    const shell = 'trap "" XFSZ; ulimit -f 8; exec "$@"';
    const program = await startProgram(dumping(folder, "", 1000), { shell });
    program.child.kill("SIGUSR2");
    await program.warns(/^snowshed: no dump: EFBIG: file too large/);
    expect(readdirSync(folder)).toEqual([]);
    await goesOn(program);
  });

  test("a folder that is not there is said", async () => {
    const folder = path.join(privateFolder(), "later");
    const program = await startProgram(dumping(folder));
    program.child.kill("SIGUSR2");
    await program.warns(/^snowshed: no dump: ENOENT: /);
    mkdirSync(folder);
    program.child.kill("SIGUSR2");
    await program.warns(/a dump of 3 tasks/);
    await goesOn(program);
  });

  test("nothing comes of a stderr that nobody reads, nor of a monitor that is gone", async () => {
    const folder = privateFolder();
    const disable = `const { disable } = await import("snowshed/diagnostics");`;
    const program = await startProgram(
      dumping(folder, `${disable} process.once("SIGHUP", () => { disable(); console.log("disabled"); });`),
    );
    program.child.stderr.destroy();
    program.child.kill("SIGUSR2");
    await expect.poll(() => readdirSync(folder), { timeout: 30_000 }).toHaveLength(1);
    program.child.kill("SIGHUP");
    await program.says("disabled");
    program.child.kill("SIGUSR2");
    await goesOn(program);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a blocked event loop hears it when it is free again", async () => {
    const folder = privateFolder();
    const block = `
      setTimeout(() => {
        console.log("blocks");
        const end = Date.now() + 1500;
        while (Date.now() < end);
        console.log("free");
      }, 50);
    `;
    const program = await startProgram(dumping(folder, block));
    await program.says("blocks");
    program.child.kill("SIGUSR2");
    await program.warns(/a dump of 3 tasks/);
    // On another pipe, which may come later.
    await program.says("free");
  });
});

test("without a listener the signal ends a process: what `remove` gives back", async () => {
  const program = await startProgram(dumping(privateFolder(), "remove();"));
  program.child.kill("SIGUSR2");
  await program.closed;
  expect(program.child.signalCode).toBe("SIGUSR2");
});

test("another signal; it keeps no process alive; a worker thread hears none", async () => {
  const folder = privateFolder();
  const program = await startProgram(`
    import { enable, installSignalDump } from "snowshed/diagnostics";
    import { Worker } from "node:worker_threads";
    enable("production");
    installSignalDump({ signal: "SIGHUP", folder: ${JSON.stringify(folder)} });
    const code = \`
      import { installSignalDump } from "snowshed/diagnostics";
      installSignalDump({ signal: "SIGTERM" })();
    \`;
    const ended = new Promise((resolve) => new Worker(code, { eval: true }).on("exit", resolve));
    console.log("worker", await ended);
    console.log("ready");
    await step();
    lines.removeAllListeners();
    lines.close();
    process.stdin.destroy();
  `);
  expect(program.stdout).toContain("worker 0");
  program.child.kill("SIGHUP");
  await program.warns(/a dump of 0 tasks/);
  program.step();
  await program.closed;
  expect(program.child.exitCode).toBe(0);
});

test.each(["SIGKILL", "SIGSTOP", "SIGUSR1", "SIGSEGV", "SIGNOTHING", "", "toString", 12, null])(
  "%j is no signal to hear",
  (signal) => {
    const before = process.eventNames();
    expect(() => installSignalDump({ signal } as never)).toThrow(
      expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
    );
    expect(process.eventNames()).toEqual(before);
  },
);

test.each(["", 1, null])("%j is no folder", (folder) => {
  expect(() => installSignalDump({ folder } as never)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});
