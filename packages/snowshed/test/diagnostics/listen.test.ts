import { execFile } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { Group, Semaphore } from "snowshed";
import type { Monitor, WatchFrame } from "snowshed/diagnostics";
import { disable, enable, listen } from "snowshed/diagnostics";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { exchange, privateFolder, startProgram } from "../support/watched-process.ts";

vi.setConfig({ testTimeout: 30_000 });

const isRoot = process.getuid?.() === 0;
const watching = `
  import { Group, Semaphore } from "snowshed";
  import { enable, listen } from "snowshed/diagnostics";
  // It may get no processor for a while, and is not to speak of it.
  enable("development", { eventLoopBlocked: Infinity });
`;

async function listening(folder: string = privateFolder()): Promise<string> {
  const listener = await listen({ folder });
  onTestFinished(() => listener.close());
  return listener.address;
}

const modeOf = (file: string): string => (lstatSync(file).mode & 0o777).toString(8);

describe("the socket", () => {
  test("only this user can open it: 0600 in a folder with 0700, which is made if it is not there", async () => {
    const folder = path.join(privateFolder(), "made");
    const listener = await listen({ folder });
    expect([modeOf(folder), modeOf(listener.address)]).toEqual(["700", "600"]);
    expect(listener.address).toBe(path.join(folder, `${process.pid}.sock`));
    await listener.close();
    await listener.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is in $XDG_RUNTIME_DIR, or in a folder of the user in the temporary folder", async () => {
    const [runtime, temporary] = [privateFolder(), privateFolder()];
    const program = `${watching} console.log((await listen()).address); console.log("ready"); await step();`;
    const first = await startProgram(program, { env: { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary } });
    expect(first.stdout).toContain(`${runtime}/snowshed/${first.pid}.sock\n`);
    const second = await startProgram(program, { env: { TMPDIR: temporary } });
    expect(second.stdout).toContain(`${temporary}/snowshed-${process.getuid!()}/${second.pid}.sock\n`);
    await first.end();
    expect(readdirSync(`${runtime}/snowshed`)).toEqual([]);
  });

  test("keeps no process alive, nor does a client that is there", async () => {
    const folder = privateFolder();
    const code = `
      import { enable, listen } from "snowshed/diagnostics";
      import { connect } from "node:net";
      enable("production");
      const { address } = await listen({ folder: ${JSON.stringify(folder)} });
      await new Promise((resolve) => connect(address).unref().on("connect", resolve).write('{"request":"watch"}\\n'));
      console.log("at the end");
    `;
    const args = ["--input-type=module", "--eval", code];
    const cwd = new URL("../../../../", import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd, timeout: 20_000 });
    expect(stdout).toBe("at the end\n");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of a worker thread has the number of the thread", async () => {
    const folder = privateFolder();
    const program = await startProgram(`
      import { Worker } from "node:worker_threads";
      const code = \`
        import { parentPort } from "node:worker_threads";
        import { enable, listen } from "snowshed/diagnostics";
        enable("production");
        await listen({ folder: ${JSON.stringify(folder)} });
        parentPort.postMessage("listens");
        setInterval(() => {}, 1000);
      \`;
      new Worker(code, { eval: true }).on("message", () => console.log("ready"));
      await step();
      process.exit();
    `);
    expect(readdirSync(folder)).toEqual([`${program.pid}-1.sock`]);
  });

  test("what processes left that were killed is removed; what is heard, and all else, stays", async () => {
    const folder = privateFolder();
    const program = await startProgram(
      `${watching} await listen({ folder: ${JSON.stringify(folder)} }); console.log("ready"); await step();`,
    );
    program.child.kill("SIGKILL");
    await program.closed;
    const stale = path.join(folder, `${program.pid}.sock`);
    expect(existsSync(stale)).toBe(true);
    // A process of another container may have a number that is free here.
    const foreign = path.join(folder, "4194305.sock");
    const server = createServer().listen(foreign);
    onTestFinished(() => void server.close());
    writeFileSync(path.join(folder, "notes.txt"), "mine");
    const address = await listening(folder);
    expect(readdirSync(folder).toSorted()).toEqual(["4194305.sock", path.basename(address), "notes.txt"].toSorted());
  });

  test("a socket that a process with the same number left is replaced; one that is heard is not", async () => {
    const folder = privateFolder();
    const mine = path.join(folder, `${process.pid}.sock`);
    const left = `require("net").createServer().listen(${JSON.stringify(mine)}, () => process.kill(process.pid, "SIGKILL"))`;
    await promisify(execFile)(process.execPath, ["-e", left]).catch(() => {});
    expect(existsSync(mine)).toBe(true);
    expect(await listening(folder)).toBe(mine);
    await expect(listen({ folder })).rejects.toThrow("this process listens there already");
  });
});

describe("a folder that is not safe is refused:", () => {
  const refused = async (folder: string, reason: string): Promise<void> => {
    const before = existsSync(folder) ? readdirSync(folder) : [];
    const failure: unknown = await listen({ folder }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "SNOWSHED_LISTEN_FAILED" });
    expect((failure as Error).message).toContain(reason);
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual(before);
  };

  test.each([0o755, 0o710, 0o707, 0o1777])("its mode is %o", async (mode) => {
    await refused(privateFolder(mode), "others may open it");
  });

  test("it is a symbolic link, also to a folder that would be safe", async () => {
    const folder = privateFolder();
    mkdirSync(path.join(folder, "safe"), { mode: 0o700 });
    symlinkSync(path.join(folder, "safe"), path.join(folder, "link"));
    await refused(path.join(folder, "link"), "it is a symbolic link");
    await listening(path.join(folder, "safe"));
  });

  test("others may put another in its place", async () => {
    const above = privateFolder(0o777);
    await refused(path.join(above, "mine"), "others may replace it");
    chmodSync(above, 0o1777);
    await listening(path.join(above, "mine"));
  });

  test("it cannot be made, is a file, or its path is too long for a socket", async () => {
    const above = privateFolder();
    await refused(path.join(above, "missing", "folder"), "ENOENT");
    writeFileSync(path.join(above, "file"), "");
    await expect(listen({ folder: path.join(above, "file") })).rejects.toThrow(/it is no folder/);
    await refused(path.join(above, "x".repeat(120)), "is longer than");
  });

  test.each(["", 1, null])("%j is no folder", async (folder) => {
    await expect(listen({ folder } as never)).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  });
});

// Only root can become another user, so only root can see what another user can do.
describe.runIf(isRoot)("two users", () => {
  test("another user can neither open the socket nor make one in its folder, nor is trusted with a folder", async () => {
    const above = privateFolder(0o1777);
    const folder = path.join(above, "ours");
    const address = await listening(folder);
    const theirs = path.join(above, "theirs");
    const program = await startProgram(
      `
      ${watching}
      import { connect } from "node:net";
      import { mkdirSync } from "node:fs";
      const attempt = (name, promise) => promise.then(() => console.log(name, "done"), ({ code }) => console.log(name, code));
      const opened = new Promise((resolve, reject) => connect(${JSON.stringify(address)}, resolve).on("error", reject));
      await attempt("open", opened);
      await attempt("listen", listen({ folder: ${JSON.stringify(folder)} }));
      mkdirSync(${JSON.stringify(theirs)}, { mode: 0o700 });
      await attempt("own", listen({ folder: ${JSON.stringify(theirs)} }));
      console.log("ready");
      await step();
      `,
      { uid: 65_534 },
    );
    expect(program.stdout).toBe("open EACCES\nlisten SNOWSHED_LISTEN_FAILED\nown done\nready\n");
    await expect(listen({ folder: theirs })).rejects.toThrow("it belongs to user 65534, not to user 0");
  });
});

describe("what is asked", () => {
  let monitor: Monitor;
  let database: Semaphore;
  let group: Group;
  beforeEach(async () => {
    monitor = enable("development");
    database = new Semaphore(1, { name: "database" });
    group = new Group({ name: "crawl" });
    await database.acquire();
    for (let n = 0; n < 30; n++) group.go(() => database.run(() => {}), { name: `fetch:/${n}` });
  });
  afterEach(async () => {
    database.release();
    await group.wait();
    monitor[Symbol.dispose]();
  });

  test("is answered line by line, in order, with the id of the request", async () => {
    const address = await listening();
    const lines = ["hello", "profile", "deadlocks", "snapshot"].map((request, id) => JSON.stringify({ id, request }));
    const answers = await exchange(address, `${lines.join("\n")}\n`, 4);
    expect(answers.map(({ v, id }) => [v, id])).toEqual([0, 1, 2, 3].map((id) => [1, id]));
    expect(answers[0]!["answer"]).toMatchObject({ pid: process.pid, preset: "development", totals: { tasksLive: 30 } });
    expect(answers[1]!["answer"]).toMatchObject({ kind: "task", total: 30 });
    expect(answers[2]!["answer"]).toMatchObject({ head: { deadlocks: [] }, tasks: [], next: null });
    const { head, tasks, resources, next } = answers[3]!["answer"] as Record<string, unknown[]>;
    expect(head).toMatchObject({ schema: "snowshed.dump/1", truncated: false });
    expect([tasks!.length, next]).toEqual([30, null]);
    expect(resources).toEqual(expect.arrayContaining([expect.objectContaining({ name: "database", pending: 30 })]));
  });

  test("a large snapshot comes in pages that are of one moment", async () => {
    const large = new Group({ name: "x".repeat(50), concurrency: 1 });
    let open: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    for (let n = 0; n < 3000; n++) large.go(() => gate, { name: `large:${n}:${"y".repeat(100)}` });
    const socket = connect(await listening());
    onTestFinished(() => void socket.destroy());
    const next = lineReader(socket);
    const names: string[] = [];
    let pages = 0;
    socket.write('{"request":"snapshot","limit":5000}\n');
    for (let cursor: unknown; cursor !== null; pages++) {
      const { answer } = await next();
      const { tasks, next: following, head } = answer as { tasks: { name: string }[]; next: unknown; head: unknown };
      expect(head === undefined).toBe(pages > 0);
      names.push(...tasks.map(({ name }) => name));
      cursor = following;
      // Made between two pages: of no concern to them.
      large.go(() => gate, { name: "late" });
      if (cursor !== null) socket.write(`${JSON.stringify({ request: "snapshot", cursor })}\n`);
    }
    expect(pages).toBeGreaterThan(3);
    expect(names.filter((name) => name.startsWith("large:"))).toHaveLength(3000);
    expect(names).not.toContain("late");
    socket.write('{"request":"snapshot","cursor":"1.0"}\n');
    expect(await next()).toMatchObject({ error: { code: "CURSOR_EXPIRED" } });
    open!();
    await large.wait();
  });

  test.each([
    ["nonsense"],
    ["[]"],
    ["null"],
    ['"hello"'],
    ['{"request":"constructor"}'],
    ['{"request":"snapshot","limit":0}'],
    ['{"request":"snapshot","limit":1.5}'],
    ['{"request":"snapshot","limit":1e9}'],
    ['{"request":"snapshot","limit":"9"}'],
    ['{"request":"snapshot","cursor":7}'],
    ['{"request":"profile","kind":"toString"}'],
    ['{"request":"watch","interval":1}'],
  ])("%s is answered with an error, and the connection goes on", async (line) => {
    const answers = await exchange(await listening(), `${line}\n{"id":"after","request":"hello"}\n`, 2);
    expect(answers).toMatchObject([
      { v: 1, error: { code: "BAD_REQUEST" } },
      { id: "after", answer: {} },
    ]);
  });

  test("a line without end is cut off: at 4096 bytes the connection ends", async () => {
    const address = await listening();
    const answers = await exchange(address, "x".repeat(5000), 99);
    expect(answers).toMatchObject([
      { error: { code: "BAD_REQUEST", message: "a request is a line of at most 4096 bytes" } },
    ]);
    // One that goes on sending is not read any more.
    const flood = connect(address);
    flood.on("error", () => {});
    const closed = new Promise((resolve) => flood.once("close", resolve));
    const pour = (error?: Error | null): void => {
      if (error === undefined || error === null) flood.write("x".repeat(65_536), pour);
    };
    pour();
    await closed;
    expect(flood.bytesWritten).toBeLessThan(4 * 1024 * 1024);
    expect(await exchange(address, '{"request":"hello"}\n', 1)).toMatchObject([{ answer: {} }]);
  });

  test("without a monitor every request is an error", async () => {
    const address = await listening();
    disable();
    const answers = await exchange(address, '{"request":"hello"}\n{"request":"snapshot"}\n', 2);
    expect(answers).toMatchObject([{ error: { code: "NOT_WATCHING" } }, { error: { code: "NOT_WATCHING" } }]);
  });

  test("frames come one after the other until the client goes", async () => {
    const [begin, ...frames] = await exchange(
      await listening(),
      '{"id":1,"request":"watch","interval":250,"kind":"blocked"}\n',
      3,
    );
    expect(begin).toEqual({ v: 1, id: 1, answer: { interval: 250 } });
    expect(frames).toMatchObject(
      [0, 1].map(() => ({ v: 1, frame: { profile: { kind: "blocked", total: 30 }, dropped: 0, deadlocks: [] } })),
    );
  });
});

describe("what clients do harms nothing:", () => {
  test("one that reads nothing gets no second answer made, and loses frames instead of keeping them", async () => {
    const program = await startProgram(`
      ${watching}
      import { readdirSync } from "node:fs";
      await listen({ folder: ${JSON.stringify(privateFolder())} }).then(({ address }) => console.log(address));
      const gate = new Semaphore(1);
      await gate.acquire();
      const group = new Group({ name: "many" });
      for (let n = 0; n < 1500; n++) group.go(() => gate.run(() => {}), { name: "task:" + n + "z".repeat(2000) });
      console.log("ready");
      await step();
      gc();
      console.log("heap", process.memoryUsage().external + process.memoryUsage().arrayBuffers, process.memoryUsage().heapUsed);
      await step();
    `);
    const address = program.stdout.split("\n")[0]!;
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (let n = 0; n < 5; n++) {
      const socket = connect(address).pause();
      socket.on("error", () => {});
      sockets.push(socket);
      const line = n === 0 ? '{"request":"watch","interval":250}\n' : '{"request":"profile"}\n'.repeat(2000);
      socket.write(line);
    }
    // Others are served meanwhile.
    const answers = await exchange(address, '{"request":"hello"}\n', 1);
    expect(answers).toMatchObject([{ answer: { totals: { tasksLive: 1500 } } }]);
    const quick = await exchange(address, '{"request":"watch","interval":250}\n', 6);
    expect(quick.slice(1).map(({ frame }) => (frame as WatchFrame).dropped)).toEqual([0, 0, 0, 0, 0]);
    const slow = lineReader(sockets[0]!.resume());
    await slow();
    let dropped = 0;
    while (dropped === 0) dropped = ((await slow())["frame"] as WatchFrame).dropped;
    program.step();
    await program.says("heap");
    const [, outside] = /heap (\d+)/.exec(program.stdout)!;
    expect(Number(outside)).toBeLessThan(64 * 1024 * 1024);
  });

  test("one that goes in the middle of an answer; many at once; and none can be more than sixteen", async () => {
    const program = await startProgram(`
      ${watching}
      await listen({ folder: ${JSON.stringify(privateFolder())} }).then(({ address }) => console.log(address));
      console.log("ready");
      await step();
    `);
    const address = program.stdout.split("\n")[0]!;
    const gone = Array.from({ length: 30 }, async () => {
      const socket = connect(address);
      socket.on("error", () => {});
      socket.write('{"request":"snapshot"}\n{"request":"watch"}\n', () => socket.destroy());
      await new Promise((resolve) => socket.once("close", resolve));
    });
    await Promise.all(gone);
    const held: Socket[] = [];
    onTestFinished(() => held.forEach((socket) => socket.destroy()));
    /** Whether one more is served. */
    const oneMore = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(address);
        held.push(socket);
        socket.on("error", () => resolve(false)).on("close", () => resolve(false));
        socket.on("data", () => resolve(true));
        socket.write('{"request":"hello"}\n');
      });
    while (await oneMore()) expect(held.length).toBeLessThanOrEqual(16);
    expect(held.length).toBeGreaterThan(1);
    for (const socket of held) socket.destroy();
    await expect
      .poll(() => exchange(address, '{"request":"hello"}\n', 1), { timeout: 15_000 })
      .toMatchObject([{ answer: {} }]);
    expect([program.isAlive, program.stderr]).toEqual([true, ""]);
  });
});

/** The lines of a socket, one for each call. */
function lineReader(socket: Socket): () => Promise<Record<string, unknown>> {
  const lines: Record<string, unknown>[] = [];
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
    const parts = text.split("\n");
    text = parts.pop()!;
    lines.push(...parts.map((part) => JSON.parse(part) as Record<string, unknown>));
  });
  return async () => {
    await expect.poll(() => lines.length, { interval: 2, timeout: 10_000 }).toBeGreaterThan(0);
    return lines.shift()!;
  };
}
