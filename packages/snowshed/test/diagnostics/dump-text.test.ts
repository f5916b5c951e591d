import type { Snapshot, TaskSnapshot } from "snowshed/diagnostics";
import { formatDump, formatProfile } from "snowshed/diagnostics";
import { expect, test } from "vitest";

const task = (id: number, name: string, more: Partial<TaskSnapshot> = {}): TaskSnapshot => {
  return { id, name, scope: 9, parent: null, state: "running", wait: null, held: [], age: 0, site: null, ...more };
};

const database = {
  id: 8,
  kind: "semaphore",
  name: "db",
  capacity: 2,
  held: 1,
  pending: 1,
  holders: [{ task: 3, weight: 1 }],
  live: 0,
} as const;

const dump: Snapshot = {
  schema: "snowshed.dump/1",
  pid: 42,
  node: "v20.20.2",
  program: "/srv/app.js",
  time: "2026-01-02T03:04:05.000Z",
  since: "2026-01-02T03:00:00.000Z",
  preset: "development",
  truncated: false,
  totals: {
    tasksLive: 4,
    tasksStarted: 9,
    tasksEnded: { fulfilled: 5, rejected: 0, skipped: 0 },
    leaked: 0,
    deadlocks: 1,
  },
  tasks: [
    task(3, "import", { held: [{ resource: 8, weight: 1 }], age: 12_345, site: "src/import.ts:7:3" }),
    task(5, "crawl", { state: "sleeping", age: 999 }),
    task(17, "fetch:/a", {
      parent: 5,
      state: "waiting",
      wait: {
        resource: 8,
        kind: "semaphore",
        name: "db",
        weight: 1,
        age: 252_000,
        deadline: null,
        heldBy: [3],
      },
      site: "src/crawl.ts:41:9",
    }),
    task(18, "late", {
      state: "canceling",
      wait: { resource: 8, kind: "semaphore", name: "db", weight: 2, age: 100, deadline: 900, heldBy: [] },
    }),
  ],
  resources: [database, { id: 9, kind: "group", name: "", capacity: null, held: 0, pending: 0, holders: [], live: 4 }],
  warnings: [
    {
      code: "SS009",
      message: "long blocked",
      site: null,
      task: null,
      resource: 8,
      count: 3,
      first: "2026-01-02T03:04:05.000Z",
      last: "2026-01-02T03:04:05.000Z",
    },
  ],
  deadlocks: [{ certainty: "suspected", tasks: [3, 17], resources: [8] }],
};

test("formatDump() writes a paragraph for each task: what it does, for how long, and who holds what it waits for", () => {
  expect(formatDump(dump)).toBe(`\
snowshed: 4 tasks in process 42 at 2026-01-02T03:04:05.000Z, watched since 2026-01-02T03:00:00.000Z (development)

suspected deadlock of #3 "import", #17 "fetch:/a" on semaphore "db"

task 3 "import" [running, 12s]
    in group 9 at src/import.ts:7:3
    holds 1 of semaphore "db"

task 5 "crawl" [sleeping, 999ms]
    in group 9

task 17 "fetch:/a" [waiting semaphore "db", 4m12s] held by #3 "import" (1/2)
    created by "crawl" at src/crawl.ts:41:9

task 18 "late" [canceling for semaphore "db", 100ms, 2 units, gives up in 900ms] held by nobody who is known (1/2)
    in group 9

SS009 long blocked, 3 times
`);
});

test("formatDump() gets by with what a limited snapshot has left", () => {
  const [first, , third] = dump.tasks;
  const text = formatDump({ ...dump, truncated: true, tasks: [third!], resources: [] });
  expect(text).toContain('task 17 "fetch:/a" [waiting semaphore "db", 4m12s] held by #3\n    in resource 9 at');
  expect(text).toContain("There are more: the snapshot was limited.");
  expect(formatDump({ ...dump, tasks: [first!], resources: [] })).toContain("holds 1 of resource 8");
});

test("a name cannot break the lines, nor write to the terminal", () => {
  const text = formatDump({ ...dump, tasks: [task(1, 'a\n"b"\u001B[31m')], deadlocks: [], warnings: [] });
  expect(text).toContain(String.raw`task 1 "a\n\"b\"\u001b[31m" [running, 0ms]`);
});

test("formatProfile() writes a line for each group", () => {
  const text = formatProfile({
    kind: "task",
    total: 12_001,
    groups: [
      {
        count: 12_000,
        name: "query",
        state: "waiting",
        wait: { kind: "pool", name: "" },
        site: "src/db.ts:1:2",
        oldest: 3 * 3_600_000 + 20 * 60_000,
      },
      { count: 1, name: "", state: "leaked", wait: null, site: null, oldest: 59_999 },
    ],
  });
  expect(text).toBe(`\
12001 tasks
  12000 "query" [waiting pool, 3h20m] made at src/db.ts:1:2
      1 "" [leaked, 59s]
`);
});
