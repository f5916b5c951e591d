import { spawn } from "node:child_process";
import { PassThrough, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createColors } from "picocolors";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { WatchedProcess } from "../../../snowshed/test/support/watched-process.ts";
import { privateFolder, startProgram } from "../../../snowshed/test/support/watched-process.ts";
import type { Hello, WatchFrame } from "../../src/diagnostics/dump-types.ts";
import { fit } from "../../src/diagnostics/table.ts";
import { watchLines } from "../../src/diagnostics/watch-view.ts";
import { main } from "../../src/main.ts";
import { run } from "../support/memory-io.ts";

vi.setConfig({ testTimeout: 30_000 });

const escape = "\u001B[";
const enter = `${escape}?1049h${escape}?25l${escape}?7l`;
const leave = `${escape}?7h${escape}?25h${escape}?1049l`;

async function program(): Promise<{ folder: string; watched: WatchedProcess }> {
  const folder = privateFolder();
  const watched = await startProgram(`
    import { Semaphore, WaitGroup } from "snowshed";
    import { enable, listen } from "snowshed/diagnostics";
    enable("development");
    await listen({ folder: ${JSON.stringify(folder)} });
    const gate = new Semaphore(1, { name: "gate" });
    await gate.acquire();
    const group = new WaitGroup({ name: "waiters" });
    for (let n = 0; n < 4; n++) group.go(() => gate.run(() => {}), { name: "waiter\\u001b[2J" });
    group.go(() => new Promise(() => {}), { name: "runner" });
    console.log("ready");
    await step();
    const end = Date.now() + 3000;
    while (Date.now() < end);
    await step();
    process.exit();
  `);
  return { folder, watched };
}

/** A terminal in memory: what is typed, what is shown, its size. */
class Terminal {
  readonly stdin: PassThrough & { isTTY: boolean; setRawMode: (isRaw: boolean) => void };
  readonly stdout: Writable & { isTTY: boolean; columns: number; rows: number };
  readonly stderr: Writable & { isTTY: boolean };
  readonly interrupt = new AbortController();
  readonly modes: boolean[] = [];
  text = "";
  errors = "";

  constructor(isTerminal = true) {
    const collect = (take: (text: string) => void): Writable =>
      new Writable({
        write: (chunk, _encoding, done) => {
          take(String(chunk));
          done();
        },
      });
    const setRawMode = (isRaw: boolean): void => void this.modes.push(isRaw);
    this.stdin = Object.assign(new PassThrough(), { isTTY: isTerminal, setRawMode });
    const stdout = collect((text) => (this.text += text));
    this.stdout = Object.assign(stdout, { isTTY: isTerminal, columns: 100, rows: 20 });
    this.stderr = Object.assign(
      collect((text) => (this.errors += text)),
      { isTTY: isTerminal },
    );
  }

  run(argv: readonly string[], env: Record<string, string> = {}): Promise<number> {
    const { stdin, stdout, stderr, interrupt } = this;
    return main(argv, { stdin, stdout, stderr, env, interrupt: interrupt.signal });
  }

  /** Until it has shown this after what is shown now. */
  async shows(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.text, { interval: 20, timeout: 15_000 }).toMatch(text);
  }

  clear(): void {
    this.text = "";
  }
}

describe("on a terminal", () => {
  test("it takes the screen, shows frames, hears keys and sizes, and gives the screen back at q", async () => {
    const { folder } = await program();
    const terminal = new Terminal();
    const code = terminal.run(["watch", "--interval", "250ms", "--folder", folder], { NO_COLOR: "1" });
    await terminal.shows("5 live");
    expect(terminal.text.startsWith(enter)).toBe(true);
    expect(terminal.modes).toEqual([true]);
    await terminal.shows(/ 4 {2}waiting +\S+ +waiter\\x1b\[2J +semaphore "gate"/);
    await terminal.shows(/semaphore {2}gate +1\/1 +4/);
    expect(terminal.text).toContain("5 tasks, all, by tasks");
    terminal.stdin.write("s");
    await terminal.shows("5 tasks, all, by oldest");
    terminal.stdin.write("k");
    await terminal.shows("4 tasks, blocked, by oldest");
    terminal.stdin.write("p");
    await terminal.shows("paused: p goes on");
    terminal.clear();
    terminal.stdout.columns = 40;
    terminal.stdout.rows = 8;
    terminal.stdout.emit("resize");
    await terminal.shows(`${escape}8;1H`);
    expect(terminal.text).not.toContain(`${escape}9;1Hx`);
    // Unknown keys, and what a mouse or an arrow sends, do nothing.
    terminal.stdin.write(`x\u001B[A`);
    terminal.stdin.write("q");
    expect(await code).toBe(0);
    expect(terminal.text.endsWith(leave)).toBe(true);
    expect(terminal.modes).toEqual([true, false]);
    expect(terminal.text).not.toContain(`${escape}2J`);
    expect(terminal.text).not.toMatch(/\[3[0-9]m/);
  });

  test.each([
    ["Ctrl-C as a key", (terminal: Terminal) => void terminal.stdin.write("\u0003"), 130],
    ["SIGTERM", (terminal: Terminal) => terminal.interrupt.abort("SIGTERM"), 143],
  ])("%s gives the screen back", async (_name, end, expected) => {
    const { folder } = await program();
    const terminal = new Terminal();
    const code = terminal.run(["watch", "--folder", folder]);
    await terminal.shows("5 live");
    end(terminal);
    // At once, since a second one may end the process before anything else happens.
    await terminal.shows(/\?1049l$/);
    expect(await code).toBe(expected);
  });

  test("a process that is blocked is said to be, one that ends ends it", async () => {
    const { folder, watched } = await program();
    const terminal = new Terminal();
    const code = terminal.run(["watch", "--interval", "250ms", "--folder", folder]);
    await terminal.shows("5 live");
    watched.step();
    await terminal.shows(/no answer for \ds: its event loop is busy/);
    watched.step();
    expect(await code).toBe(0);
    expect(terminal.text.endsWith(leave)).toBe(true);
    expect(terminal.errors).toBe(`snowshed: process ${watched.pid} has ended\n`);
  });
});

test("where there is no terminal it is refused, and --json prints a frame on each line", async () => {
  const { folder, watched } = await program();
  const refused = await run(["watch", "--folder", folder]);
  expect([refused.code, refused.stdout]).toEqual([2, ""]);
  expect(refused.stderr).toBe(
    "snowshed: watch draws on a terminal, and this is none: --json prints a frame on each line\n",
  );
  const dumb = new Terminal();
  expect(await dumb.run(["watch", "--folder", folder], { TERM: "dumb" })).toBe(2);
  expect([dumb.text, dumb.modes]).toEqual(["", []]);
  const json = await run(["watch", String(watched.pid), "--json", "--count", "2", "-i", "250ms", "--folder", folder]);
  const frames = json.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as WatchFrame);
  expect([json.code, frames.length]).toEqual([0, 2]);
  expect(frames[1]).toMatchObject({ totals: { tasksLive: 5 }, profile: { total: 5 }, dropped: 0 });
  expect(json.stdout).not.toContain("\u001B");
});

test("a real terminal is as it was afterwards", async () => {
  const { folder, watched } = await program();
  const bin = fileURLToPath(new URL("../../dist/bin.js", import.meta.url));
  // `script` gives the command a pseudo-terminal, and what it writes to us; `stty` says how it is at the end.
  const command = `"${process.execPath}" "${bin}" watch ${watched.pid} --folder ${folder}; echo "code $?"; stty -a`;
  const child = spawn("sh", ["-c", 'exec script -qec "$1" /dev/null', "sh", command], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  await expect.poll(() => text, { timeout: 15_000 }).toContain("5 live");
  child.stdin.write("q");
  await expect.poll(() => text, { timeout: 15_000 }).toMatch(/code 0[^]* icanon /);
  expect(text).toMatch(/ echo /);
  expect(text).toContain(leave);
});

test("Ctrl-Z gives the terminal to the shell until the view is brought back", async () => {
  const { folder, watched } = await program();
  const bin = fileURLToPath(new URL("../../dist/bin.js", import.meta.url));
  const command = `"${process.execPath}" "${bin}" watch ${watched.pid} --folder ${folder}; stty -a; echo "shell"; read line; fg; echo "code $?"`;
  const child = spawn("sh", ["-c", `exec script -qec "exec sh -mc '$1'" /dev/null`, "sh", command], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  await expect.poll(() => text, { timeout: 15_000 }).toContain("5 live");
  child.stdin.write("\u001A");
  await expect.poll(() => text, { timeout: 15_000 }).toContain("shell");
  expect(text.slice(text.lastIndexOf(leave))).toMatch(/ icanon [^]* echo /);
  text = "";
  child.stdin.write("\n");
  await expect.poll(() => text, { timeout: 15_000 }).toMatch(/1049h[^]*5 live/);
  child.stdin.write("q");
  await expect.poll(() => text, { timeout: 15_000 }).toContain("code 0");
  expect(text).toContain(leave);
});

describe("what is on the screen", () => {
  const hello: Hello = {
    pid: 1,
    node: "v20.0.0",
    program: `/srv/${"app".repeat(50)}.js`,
    since: "2026-01-01T00:00:00.000Z",
    preset: "production",
    uptime: 1,
    totals: {
      tasksLive: 3,
      tasksStarted: 3,
      tasksEnded: { fulfilled: 0, rejected: 0, skipped: 0 },
      leaked: 1,
      deadlocks: 1,
    },
  };
  const frame: WatchFrame = {
    time: hello.since,
    totals: hello.totals,
    profile: {
      kind: "task",
      total: 300,
      groups: Array.from({ length: 100 }, (_, index) => ({
        count: 3,
        name: `名前${index}`.repeat(20),
        state: "running",
        wait: null,
        site: null,
        oldest: 5,
      })),
    },
    resources: Array.from({ length: 50 }, (_, id) => ({
      id,
      kind: "semaphore",
      name: `r${id}`,
      capacity: null,
      held: 1,
      pending: 1,
      holders: [],
      live: 0,
    })),
    warnings: [],
    deadlocks: [{ certainty: "certain", tasks: [1, 2], resources: [1] }],
    lag: 1,
    memory: 2 ** 30,
    pace: 1000,
    dropped: 0,
  };
  const state = { id: "1", hello, frame, sorting: "tasks", isPaused: false, silence: 0, interval: 1000 } as const;

  test.each([
    [100, 40],
    [80, 24],
    [20, 10],
    [10, 3],
    [1, 1],
  ])("fits into %d by %d", (columns, rows) => {
    const lines = watchLines(state, columns, rows, createColors(false));
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(fit(line, columns)).toBe(line);
  });

  test("troubles come first", () => {
    const lines = watchLines(state, 100, 40, createColors(false));
    expect(lines[2]).toBe("1 leaked, 1 deadlock");
    expect(watchLines(state, 100, 40, createColors(true))[2]).toContain(`${escape}31m`);
    expect(lines.at(-1)).toBe("q quit   p pause   s sort   k kind");
  });
});
