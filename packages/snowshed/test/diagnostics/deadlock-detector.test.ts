// How processes end whose tasks cannot: each row of the table in a process of its own.
import { fileURLToPath } from "node:url";
import { installDeadlockDetector } from "snowshed/diagnostics";
import { describe, expect, test } from "vitest";
import { rows, runRow } from "./programs/exit-codes.mjs";

const root = fileURLToPath(new URL("../../../../", import.meta.url));

describe.concurrent("exit codes", () => {
  test.each(rows)("$name: $code", { timeout: 30_000 }, async (row) => {
    expect((await runRow(row, root)).wrong).toEqual([]);
  });
});

const asleep = `
  import { Semaphore, WaitGroup } from "snowshed";
  import { enable, installDeadlockDetector } from "snowshed/diagnostics";
  const database = new Semaphore(1, { name: "database" });
  enable("development", { eventLoopBlocked: Infinity });
  installDeadlockDetector();
  const group = new WaitGroup({ name: "requests" });
  group.go(() => new Promise(() => {}), { name: "lost" });
  group.go(async () => { await database.acquire(); await database.acquire(); }, { name: "twice" });
  void database.acquire();
`;
const ended = (program: string): ReturnType<typeof runRow> =>
  runRow({ name: "", program, code: 2, stderr: /deadlock!/ }, root);

test(
  "the text says of each task what it waits for, who holds that, and where it was made",
  { timeout: 30_000 },
  async () => {
    const { stderr, wrong } = await ended(asleep);
    expect(wrong).toEqual([]);
    expect(stderr).toMatch(/^fatal: all tasks are asleep - deadlock!\n\n/);
    expect(stderr).toContain('waiting outside of any known task: 1 for the semaphore "database"\n');
    expect(stderr).toMatch(/task 1 "lost" \[running, \d+ms\]\n {4}in wait-group "requests" at .*:8:9\n/);
    expect(stderr).toMatch(
      /task 2 "twice" \[waiting semaphore "database", \d+ms\] held by #2 "twice" \(1\/1\)\n.*:9:9\n {4}holds 1 of semaphore "database"/,
    );
    expect(stderr).toMatch(/\n\nexit code 2; see https:\S+\/docs\/warnings\/SS001\.md\n$/);
  },
);

test("of many tasks it lists a hundred, and counts the rest", { timeout: 30_000 }, async () => {
  const more = 'for (let n = 0; n < 5000; n++) group.go(() => new Promise(() => {}), { name: "one of many" });';
  const { stderr, wrong } = await ended(asleep + more);
  expect(wrong).toEqual([]);
  expect(stderr.match(/^task /gm)).toHaveLength(100);
  expect(stderr).toContain("\nand 4902 more\n");
});

test("SS001 reaches who listens, before the process ends", { timeout: 30_000 }, async () => {
  const listen =
    'import { activeMonitor } from "snowshed/diagnostics"; activeMonitor().onWarning(({ code, message }) => console.log(code, message));';
  const { stdout } = await ended(asleep + listen);
  expect(stdout).toBe("SS001 all tasks are asleep: 2 not ended, and nothing is left that could wake them\n");
});

test("a warning that is silenced does not silence the detector", { timeout: 30_000 }, async () => {
  const { wrong } = await ended(asleep.replace("{ eventLoopBlocked", '{ silence: ["SS001"], eventLoopBlocked'));
  expect(wrong).toEqual([]);
});

test.each([
  { exitCode: 0 },
  { exitCode: 256 },
  { exitCode: 1.5 },
  { exitCode: -1 },
  { exitCode: Number.NaN },
  { exitCode: "2" },
  { ignore: "all" },
  { ignore: [1] },
])("misuse: %o", (options) => {
  const before = process.listenerCount("beforeExit");
  expect(() => installDeadlockDetector(options as never)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error,
  );
  expect(process.listenerCount("beforeExit")).toBe(before);
});
