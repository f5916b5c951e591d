import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Writable } from "node:stream";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { WatchedProcess } from "../../../snowshed/test/support/watched-process.ts";
import { privateFolder, startProgram } from "../../../snowshed/test/support/watched-process.ts";
import { start } from "../support/child.ts";
import { run } from "../support/memory-io.ts";

vi.setConfig({ testTimeout: 30_000 });

const isRoot = process.getuid?.() === 0;

/** Listens in the folder; `more` makes what there is to see. */
function watched(folder: string, more: string): string {
  return `
    import { Group, Semaphore, WaitGroup } from "snowshed";
    import { enable, listen } from "snowshed/diagnostics";
    enable("development");
    await listen({ folder: ${JSON.stringify(folder)} });
    ${more}
    console.log("ready");
    await step();
  `;
}

const busy = `
  const database = new Semaphore(2, { name: "database" });
  const crawl = new Group({ name: "crawl" });
  crawl.go(async () => { await database.acquire(2); await new Promise(() => {}); }, { name: "import" });
  for (let n = 0; n < 3; n++) crawl.go(() => database.run(() => {}), { name: "fetch:/a" });
  crawl.go(async () => {
    const inner = new WaitGroup({ name: "inner" });
    inner.go(() => new Promise(() => {}), { name: "\\u001b[31mred\\n\\u202egnp.exe" });
    await inner.wait();
  }, { name: "outer" });
`;

const deadlock = `
  const [one, other] = [new Semaphore(1, { name: "one" }), new Semaphore(1, { name: "other" })];
  const pair = new Group({ name: "pair" });
  let met = 0, meet;
  const both = new Promise((resolve) => (meet = resolve));
  const cross = (first, second) => async () => {
    await first.acquire();
    if (++met === 2) meet();
    await both;
    await second.acquire();
  };
  pair.go(cross(one, other), { name: "left" });
  pair.go(cross(other, one), { name: "right" });
`;

describe("a process with tasks", () => {
  let folder: string;
  let program: WatchedProcess;
  const show = (...argv: string[]) => run([...argv, "--folder", folder]);

  test("is shown by every command", async () => {
    folder = privateFolder();
    program = await startProgram(watched(folder, busy));
    const id = String(program.pid);

    const list = await show("ps");
    expect([list.code, list.stderr]).toEqual([0, ""]);
    expect(list.stdout).toMatch(/^ *pid +up +tasks +leaked +deadlocks +preset +program\n/);
    expect(list.stdout).toMatch(new RegExp(`^ *${id} +\\S+ +6 +0 +0 +development`, "m"));

    // The only one need not be named.
    for (const argv of [["ps", id], ["ps", id, "--limit", "2"], ["tree"], ["profile"], ["deadlocks"]]) {
      const { code, stdout, stderr } = await show(...argv);
      expect([argv, code, stderr]).toEqual([argv, 0, ""]);
      // Nothing that a task is called steers the terminal.
      // oxlint-disable-next-line no-control-regex -- that is what is looked for
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
    }

    const tasks = (await show("ps", id)).stdout;
    expect(tasks).toMatch(/^ *\d+ +running +\S+ +import +\(holds semaphore "database"\)/m);
    expect(tasks).toMatch(/^ *\d+ +waiting +\S+ +fetch:\/a +semaphore "database" \(1 of 2\), held by #\d+ "import"/m);
    expect(tasks).toContain(String.raw`\x1b[31mred\n\u202egnp.exe`);
    expect((await show("ps", id, "--limit", "2")).stdout).toContain("… and 4 more: --limit shows more of them");

    const tree = (await show("tree")).stdout.split("\n\n")[1]!;
    expect(tree.replaceAll(/\d+ms|\d+s|#\d+/g, "_").trimEnd()).toBe(
      [
        'group "crawl"',
        '├─ import _ [running, _]  (holds semaphore "database")',
        ...[1, 2, 3].map(
          () => '├─ fetch:/a _ [waiting, _]  waits for semaphore "database" (1 of 2), held by _ "import"',
        ),
        '└─ outer _ [waiting, _]  waits for wait-group "inner"',
        '   └─ wait-group "inner"',
        String.raw`      └─ \x1b[31mred\n\u202egnp.exe _ [running, _]`,
      ].join("\n"),
    );

    const profile = (await show("profile", "--kind", "blocked")).stdout;
    expect(profile).toMatch(/^4 tasks blocked, 2 groups\n/);
    expect(profile).toMatch(/^ +3 +waiting +\S+ +fetch:\/a +semaphore "database"/m);
    expect((await show("deadlocks")).stdout).toContain("no deadlocks, no leaked tasks");
  });

  test("is one document with --json, in which controls are escaped and nothing is lost", async () => {
    folder = privateFolder();
    program = await startProgram(watched(folder, busy));
    const id = String(program.pid);
    for (const argv of [["ps"], ["ps", id], ["tree"], ["profile"], ["deadlocks"], ["dump"]]) {
      const { code, stdout, stderr } = await show(...argv, "--json");
      expect([argv, code, stderr]).toEqual([argv, 0, ""]);
      // oxlint-disable-next-line no-control-regex -- that is what is looked for
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
      JSON.parse(stdout);
    }
    const { tasks } = JSON.parse((await show("ps", id, "--json")).stdout) as { tasks: { name: string }[] };
    expect(tasks.map(({ name }) => name)).toContain("\u001B[31mred\n\u202Egnp.exe");
    expect(JSON.parse((await show("ps", "--json")).stdout)).toMatchObject([{ id, totals: { tasksLive: 6 } }]);
  });

  test("is written to a new file that only this user can read, and shown from there", async () => {
    folder = privateFolder();
    program = await startProgram(watched(folder, busy));
    const file = path.join(folder, "dump.json");
    const { code, stdout, stderr } = await show("dump", "-o", file);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toBe(`snowshed: 6 tasks written to ${file}; snowshed view ${file}\n`);
    expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
    for (const [view, text] of [
      ["tasks", "no deadlocks, no leaked tasks"],
      ["tree", "└─ outer #"],
      ["deadlocks", "no deadlocks"],
      ["text", '"fetch:/a" [waiting semaphore "database"'],
    ] as const) {
      const viewed = await run(["view", file, "--as", view]);
      expect([viewed.code, viewed.stderr, viewed.stdout]).toEqual([0, "", expect.stringContaining(text)]);
      // oxlint-disable-next-line no-control-regex -- that is what is looked for
      expect(viewed.stdout).not.toMatch(/[\u001B\u202E]/);
    }
    const json = await run(["view", file, "--json"]);
    expect(JSON.parse(json.stdout)).toEqual(JSON.parse(readFileSync(file, "utf8")));
    // What is there is not written over, whatever it is.
    const again = await show("dump", "-o", file);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("a file with that name is in the way")]);
    const full = await show("dump", "-o", "/dev/full");
    expect([full.code, existsSync("/dev/full")]).toEqual([2, true]);
  });
});

test("a deadlock: who waits for what the other has, and exit code 1 of every command", async () => {
  const folder = privateFolder();
  const program = await startProgram(watched(folder, deadlock));
  const show = (...argv: string[]) => run([...argv, "--folder", folder]);
  // Waits that are younger than a second are taken for ones that end.
  await expect.poll(async () => (await show("deadlocks")).code, { timeout: 10_000 }).toBe(1);
  const { stdout } = await show("deadlocks");
  expect(stdout).toMatch(/^suspected deadlock 1: 2 tasks$/m);
  expect(stdout).toMatch(/#\d+ "left" waits \S+ for semaphore "other", held by #\d+ "right"; it holds semaphore "one"/);
  expect(stdout).toMatch(/#\d+ "right" waits \S+ for semaphore "one", held by #\d+ "left"; it holds semaphore "other"/);
  const file = path.join(folder, "dump.json");
  const codes = [
    await show("ps"),
    await show("ps", String(program.pid)),
    await show("tree"),
    await show("profile"),
    await show("dump", "-o", file),
    await run(["view", file, "--as", "deadlocks"]),
    await show("watch", "--json", "--count", "1"),
  ];
  expect(codes.map(({ code }) => code)).toEqual(codes.map(() => 1));
  const { deadlocks } = JSON.parse((await show("deadlocks", "--json")).stdout) as { deadlocks: unknown[] };
  expect(deadlocks).toMatchObject([{ certainty: "suspected" }]);
});

test("a program that knows nothing of it, started with --import snowshed/register", async () => {
  const runtime = privateFolder();
  const program = await startProgram(
    `
    import { Group } from "snowshed";
    new Group({ name: "requests" }).go(() => new Promise(() => {}), { name: "request" });
    console.log("ready");
    await step();
    `,
    { env: { XDG_RUNTIME_DIR: runtime, NODE_OPTIONS: "--import snowshed/register" } },
  );
  const { code, stdout, stderr } = await run(["tree", String(program.pid)], { env: { XDG_RUNTIME_DIR: runtime } });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/\ngroup "requests"\n└─ request #\d+ \[running, \S+\]\n$/);
});

describe("what cannot be looked into is one line that says what to do, and exit code 2:", () => {
  const commands = ["ps", "tree", "profile", "deadlocks", "watch", "dump"];

  test.each(commands)("%s of a process without a socket, which gets no signal", async (command) => {
    // SIGUSR2 and SIGUSR1 would end it: `sleep` hears neither.
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    const inspector = command === "dump" ? ["--inspector"] : [];
    const { code, stdout, stderr } = await run([command, String(child.pid), "--json", ...inspector]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^snowshed: process \d+ cannot be looked into, it has no socket: start it with `node --import snowshed\/register`.*\n$/,
    );
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  });

  test("no process, none at all, one of several", async () => {
    const folder = privateFolder();
    const missing = await run(["ps", "4194300", "--folder", folder]);
    expect([missing.code, missing.stderr]).toEqual([2, "snowshed: there is no process 4194300\n"]);
    for (const command of commands) {
      const { code, stderr } = await run([command, "--folder", folder]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^snowshed: no process can be looked into; start it/)]);
    }
    const [first, second] = [await startProgram(watched(folder, "")), await startProgram(watched(folder, ""))];
    const { code, stderr } = await run(["tree", "--folder", folder]);
    const ids = [first.pid, second.pid].toSorted((left, right) => left - right).join(", ");
    expect([code, stderr]).toEqual([2, `snowshed: which process? ${ids}; snowshed ps tells what they are\n`]);
  });

  test.each([
    [["ps", "0"], "the number of a process"],
    [["ps", "--first"], "unknown option"],
    [["ps", "12a"], "the number of a process"],
    [["tree", "../1"], "the number of a process"],
    [["profile", "--kind", "toString"], "Allowed choices are task, blocked, leak"],
    [["ps", "--limit", "0"], "an integer of at least 1"],
    [["ps", "--timeout", "none"], "--timeout must be a time"],
    [["watch", "--interval", "10ms"], "--interval must be from 250ms to 1m"],
    [["view"], "missing required argument"],
    [["view", "/nowhere/dump.json"], "cannot read /nowhere/dump.json: no such file or folder"],
    [["ps", "--folder", "/nowhere"], "is no folder that is private to a user"],
  ])("%j", async (argv, message) => {
    const { code, stdout, stderr } = await run(argv);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringContaining(message)]);
  });

  test("a folder that others may open is not trusted", async () => {
    const folder = privateFolder();
    await startProgram(watched(folder, ""));
    expect((await run(["ps", "--folder", folder])).code).toBe(0);
    chmodSync(folder, 0o755);
    expect((await run(["ps", "--folder", folder])).code).toBe(2);
  });

  test("a socket that a process left, a listener that talks nonsense, one that says nothing, one of another version", async () => {
    const folder = privateFolder();
    const address = path.join(folder, `${process.pid}.sock`);
    const answers = { answer: "" };
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.write(answers.answer));
    });
    await once(server.listen(address), "listening");
    onTestFinished(() => void server.close());
    const ask = () => run(["ps", String(process.pid), "--folder", folder, "--timeout", "300ms"]);
    const expected = [
      ["nonsense\n", 2, "what it answers is not JSON"],
      ["[]\n", 2, "its answer has no form that is known"],
      ['{"answer":{}}\n', 2, 'schema must be "snowshed.dump/1": it is missing; is it of another version?'],
      ['{"error":{"message":"not \\u001b[2J today"}}\n', 2, String.raw`not \x1b[2J today`],
      ["", 3, "has not answered in 300 ms"],
    ] as const;
    for (const [answer, code, message] of expected) {
      answers.answer = answer;
      const result = await ask();
      expect([answer, result.code, result.stderr]).toEqual([answer, code, expect.stringContaining(message)]);
    }
    answers.answer = "x".repeat(1024 * 1024);
    expect((await ask()).code).toBe(3);
    // Pages without end: without tasks, and with them.
    const head = { schema: "snowshed.dump/1" };
    for (const tasks of [[], Array.from({ length: 50_000 }, () => 1)]) {
      answers.answer = `${JSON.stringify({ answer: { head, tasks, resources: [], next: "1" } })}\n`;
      const endless = await ask();
      expect([endless.code, endless.stderr]).toEqual([2, expect.stringContaining("it sends more than any process")]);
    }
    const left = path.join(folder, `${process.ppid}.sock`);
    const leave = `require("net").createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, "SIGKILL"))`;
    await once(spawn(process.execPath, ["-e", leave], { stdio: "ignore" }), "exit");
    const stale = await run(["ps", String(process.ppid), "--folder", folder]);
    expect([stale.code, stale.stderr]).toEqual([2, expect.stringContaining("nobody listens at its socket: start it")]);
  });
});

// Only root can become another user, so only root can see what another user can do.
test.runIf(isRoot)("root sees the processes of all users; another user is told whose a process is", async () => {
  const listens = `
    import { enable, listen } from "snowshed/diagnostics";
    enable("production");
    console.log((await listen()).address);
    console.log("ready");
    await step();
  `;
  const theirs = await startProgram(listens, { uid: 65_534, env: { TMPDIR: "/tmp" } });
  expect(theirs.stdout).toContain(`/tmp/snowshed-65534/${theirs.pid}.sock`);
  expect((await run(["ps", String(theirs.pid)])).code).toBe(0);
  const ours = await startProgram(listens, { env: { TMPDIR: "/tmp" } });
  const code = `
    import { main } from "@snowshed/cli";
    const { stdin, stdout, stderr, env } = process;
    console.log("ready");
    for (const id of [${theirs.pid}, ${ours.pid}]) {
      console.log(id, await main(["ps", String(id)], { stdin, stdout, stderr, env }));
    }
    console.log("done");
  `;
  const asker = await startProgram(code, { uid: 65_534 });
  await asker.says("done");
  // The two streams come on their own.
  await asker.warns(/\n$/);
  expect(asker.stdout).toContain(`\n${theirs.pid} 0\n`);
  expect(asker.stdout).toContain(`\n${ours.pid} 2\n`);
  expect(asker.stderr).toBe(`snowshed: process ${ours.pid} belongs to another user: ask as that user, or as root\n`);
});

test.runIf(isRoot)("a user cannot pass a socket off as that of the process of another one", async () => {
  const folder = privateFolder();
  const ours = await startProgram(watched(folder, busy));
  const pretend = (pid: number | string): string => `
    import { createServer } from "node:net";
    import { mkdirSync } from "node:fs";
    mkdirSync("/tmp/snowshed-65533", { recursive: true, mode: 0o700 });
    createServer((socket) => console.log("asked")).listen("/tmp/snowshed-65533/" + ${pid} + ".sock", () => console.log("ready"));
  `;
  const pretender = await startProgram(pretend(ours.pid), { uid: 65_533 });
  onTestFinished(() => rmSync("/tmp/snowshed-65533", { recursive: true, force: true }));
  const refused = await run(["ps", String(ours.pid)]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("it has no socket")]);
  expect(pretender.stdout).not.toContain("asked");
  // The control: a socket of its own is asked.
  const honest = await startProgram(pretend("process.pid"), { uid: 65_533 });
  const asked = run(["ps", String(honest.pid), "--timeout", "10s"]);
  await honest.says("asked");
  honest.child.kill("SIGKILL");
  expect((await asked).code).toBe(3);
});

describe("view refuses what is no dump, with the path of the field:", () => {
  const totals = {
    tasksLive: 1,
    tasksStarted: 1,
    tasksEnded: { fulfilled: 0, rejected: 0, skipped: 0 },
    leaked: 0,
    deadlocks: 0,
  };
  const task = { id: 1, name: "a", scope: 2, parent: null, state: "waiting", wait: null, held: [], age: 1, site: null };
  const time = "2026-01-01T00:00:00.000Z";
  const good = {
    schema: "snowshed.dump/1",
    pid: 1,
    node: "v20.0.0",
    program: "a.js",
    time,
    since: time,
    preset: "test",
    truncated: false,
    totals,
    tasks: [task],
    resources: [],
    warnings: [],
    deadlocks: [],
  };

  async function view(text: string) {
    const file = path.join(privateFolder(), "dump.json");
    writeFileSync(file, text);
    const { code, stderr, stdout } = await run(["view", file]);
    return { code, stdout, message: stderr.replace(file, "FILE") };
  }

  test("a good one is shown, with fields of a later version", async () => {
    expect((await view(JSON.stringify({ ...good, later: 1 }))).code).toBe(0);
  });

  test.each([
    [{ ...good, schema: "snowshed.dump/2" }, 'schema must be "snowshed.dump/1": it is "snowshed.dump/2"'],
    [{ ...good, tasks: undefined }, "tasks must be a list: it is missing"],
    [{ ...good, tasks: [task, { ...task, age: "old" }] }, 'tasks[1].age must be a number of at least 0: it is "old"'],
    [{ ...good, tasks: [{ ...task, held: [{ resource: 1 }] }] }, "tasks[0].held[0].weight must be"],
    [{ ...good, tasks: [{ ...task, state: "dead" }] }, "tasks[0].state must be one of"],
    [{ ...good, tasks: [{ ...task, wait: {} }] }, "tasks[0].wait.resource must be an integer: it is missing"],
    [{ ...good, deadlocks: [{ certainty: "certain", tasks: ["1"], resources: [] }] }, "deadlocks[0].tasks[0] must be"],
    [{ ...good, totals: { ...totals, tasksEnded: null } }, "totals.tasksEnded must be an object: it is null"],
    [{ ...good, time: "\u001B[2J" }, String.raw`time must be a date: it is "\u001b[2J"`],
    [[], "it must be an object: it is []"],
    [null, "it must be an object: it is null"],
  ])("%#", async (dump, message) => {
    const result = await view(JSON.stringify(dump));
    expect([result.code, result.stdout]).toEqual([2, ""]);
    expect(result.message).toContain(`FILE is no dump: ${message}`);
  });

  test("what is nested so deeply that nothing could walk through it", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    for (const text of [deep, `${JSON.stringify(good).slice(0, -1)},"later":${deep}}`]) {
      const { code, message } = await view(text);
      expect([code, message]).toEqual([2, expect.stringContaining("FILE is no dump: it has lists in lists")]);
    }
  });

  test("what is not JSON", async () => {
    for (const text of ["", "{", "a\u001Bb"]) {
      const { code, message } = await view(text);
      expect([code, message]).toEqual([2, expect.stringMatching(/^snowshed: FILE is not JSON: /)]);
      expect(message).not.toContain("\u001B");
    }
  });

  test("names that go in a circle end, a chain of ten thousand too", async () => {
    const circle = [
      { ...task, id: 1, parent: 2 },
      { ...task, id: 2, parent: 1 },
    ];
    const chain = Array.from({ length: 10_000 }, (_, index) => ({ ...task, id: index + 10, parent: index + 9 }));
    const file = path.join(privateFolder(), "dump.json");
    writeFileSync(file, JSON.stringify({ ...good, tasks: [...circle, ...chain] }));
    const { code, stdout } = await run(["view", file, "--as", "tree", "--limit", "20000"]);
    expect(code).toBe(0);
    expect(stdout.match(/^.*a #\d+ \[waiting/gm)).toHaveLength(10_002);
    expect(stdout.length).toBeLessThan(10_000_000);
  });
});

test("output that cannot be written is said, and is no success; a reader that has gone is none of that", async () => {
  const folder = privateFolder();
  await startProgram(watched(folder, busy));
  const broken = (code: string): Writable =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
  for (const argv of [["ps"], ["tree"], ["dump"], ["profile", "--json"], ["watch", "--json", "--interval", "250ms"]]) {
    const full = await run([...argv, "--folder", folder], { stdout: broken("ENOSPC") });
    const said = "snowshed: cannot write to stdout: no space left on the disk (ENOSPC)\n";
    expect([argv, full.code, full.stderr]).toEqual([argv, 1, said]);
  }
  const gone = await run(["dump", "--folder", folder], { stdout: broken("EPIPE") });
  expect([gone.code, gone.stderr]).toEqual([0, ""]);
});

test("a reader that goes away ends the command", async () => {
  const folder = privateFolder();
  await startProgram(watched(folder, busy));
  const { child, ended } = start(["watch", "--json", "--interval", "250ms", "--folder", folder]);
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect((await ended).code).toBe(141);
});
