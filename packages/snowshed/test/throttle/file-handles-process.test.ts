// Real descriptors: a process that may have 256 of them reads 50,000 files at once.
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runModule } from "../support/child-process.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

interface Report {
  /** How many were read, and how many failed with which code. */
  readonly read: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly limit: number;
  readonly exhausted: number;
  /** Descriptors that are open at the end and were not at the beginning. */
  readonly left: number;
}

/** Runs `call`, which may use `handles` and `readOne()`, so many times at once, in a process with 256 descriptors. */
function readAll(count: number, call: string, options: string = "{}"): Promise<Report> {
  const code = `
    import { readdirSync } from "node:fs";
    import { open } from "node:fs/promises";
    import { FileHandles } from "snowshed/throttle";

    const handles = new FileHandles(${options});
    const readOne = async () => {
      const file = await open("package.json");
      try {
        const { bytesRead } = await file.read(Buffer.alloc(16), 0, 16, 0);
        if (bytesRead !== 16) throw new Error("read " + bytesRead);
      } finally {
        await file.close();
      }
    };
    const before = readdirSync("/dev/fd").length;
    const calls = Array.from({ length: ${count} }, () => ${call});
    const failed = {};
    let read = 0;
    for (const { status, reason } of await Promise.allSettled(calls)) {
      if (status === "fulfilled") read++;
      else failed[reason.code ?? String(reason)] = (failed[reason.code ?? String(reason)] ?? 0) + 1;
    }
    const { limit, exhausted } = handles.inspect();
    const left = readdirSync("/dev/fd").length - before;
    console.log(JSON.stringify({ read, failed, limit, exhausted, left }));
  `;
  return runWith256(code) as Promise<Report>;
}

/** Runs an ES module in a process with 256 descriptors; gives what it prints, which is JSON. */
function runWith256(code: string): Promise<unknown> {
  const node = [process.execPath, "--input-type=module", "--eval", code];
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" };
  return new Promise((resolve, reject) => {
    // The shell sets the hard limit, too: Node.js raises the soft one to it when it starts.
    const args = ["-c", 'ulimit -n 256 && exec "$@"', "sh", ...node];
    execFile("/bin/sh", args, { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

describe("with 256 descriptors", { timeout: 60_000 }, () => {
  test("50,000 files are all read at once, and descriptors never run out", async () => {
    const { limit, ...report } = await readAll(50_000, "handles.run(readOne)");
    expect(report).toEqual({ read: 50_000, failed: {}, exhausted: 0, left: 0 });
    expect(limit).toBeGreaterThan(100);
    expect(limit).toBeLessThan(205);
  });

  test("all are read also when descriptors run out, because the limit is wrong", async () => {
    const { exhausted, limit, ...report } = await readAll(10_000, "handles.run(readOne)", "{ limit: 1000 }");
    expect(report).toEqual({ read: 10_000, failed: {}, left: 0 });
    expect(exhausted).toBeGreaterThan(0);
    expect(limit).toBeLessThanOrEqual(1000);
  });

  test("what else needs descriptors waits for them, too: processes, connections, streams", async () => {
    const server = createServer((socket) => socket.end("welcome")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    try {
      const report = await runWith256(`
        import { execFile, spawn } from "node:child_process";
        import { closeSync, createReadStream, createWriteStream, openSync } from "node:fs";
        import { mkdtemp, readdir, rm } from "node:fs/promises";
        import { connect } from "node:net";
        import { devNull } from "node:os";
        import { pipeline } from "node:stream/promises";
        import { text } from "node:stream/consumers";
        import { promisify } from "node:util";
        import { FileHandles } from "snowshed/throttle";

        const handles = new FileHandles();
        const taken = [];
        try {
          for (;;) taken.push(openSync(devNull));
        } catch {}
        const tasks = {
          execFile: async () => (await promisify(execFile)("/bin/sh", ["-c", "echo echoed"])).stdout.trim(),
          spawn: () =>
            new Promise((resolve, reject) => {
              spawn("/bin/sh", ["-c", "exit 0"]).on("error", reject).on("exit", resolve);
            }),
          connect: async () => text(connect(${port}, "127.0.0.1")),
          read: async () => (await text(createReadStream("package.json"))).length > 0,
          pipe: async () => pipeline(createReadStream("package.json"), createWriteStream(devNull)),
          readdir: async () => (await readdir(".")).includes("package.json"),
        };
        const first = {};
        const running = Object.entries(tasks).map(async ([name, task]) => {
          const value = await handles.run(async () => {
            try {
              return await task();
            } catch (error) {
              first[name] ??= error.code;
              throw error;
            }
          });
          return [name, value ?? "done"];
        });
        while (handles.inspect().exhausted < running.length) await new Promise((resolve) => setTimeout(resolve, 1));
        for (const each of taken) closeSync(each);
        const values = Object.fromEntries(await Promise.all(running));
        console.log(JSON.stringify({ first, values, held: handles.inspect().held }));
      `);
      const names = ["execFile", "spawn", "connect", "read", "pipe", "readdir"];
      expect(report).toEqual({
        first: Object.fromEntries(names.map((name) => [name, "EMFILE"])),
        values: { execFile: "echoed", spawn: 0, connect: "welcome", read: true, pipe: "done", readdir: true },
        held: 0,
      });
    } finally {
      server.close();
    }
  });

  test("the control: without FileHandles a tenth as many fail", async () => {
    const { read, failed } = await readAll(5000, "readOne()");
    expect(failed).toEqual({ EMFILE: expect.any(Number) as unknown });
    expect(failed["EMFILE"]).toBeGreaterThan(1000);
    expect(read + failed["EMFILE"]!).toBe(5000);
  });
});

test("a pause keeps the process running while somebody waits for its end", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { FileHandles } from "snowshed/throttle";
    const handles = new FileHandles();
    let attempts = 0;
    await handles.run(() => {
      if (++attempts < 4) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
    });
    console.log(attempts);
  `);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "4\n", stderr: "" });
});
