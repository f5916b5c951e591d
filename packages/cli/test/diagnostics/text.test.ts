import { Writable } from "node:stream";
import fc from "fast-check";
import { createColors } from "picocolors";
import { describe, expect, test } from "vitest";
import type { Dump } from "../../src/diagnostics/dump-types.ts";
import { headText, isStuck, resourcesText, stackText, stuckText, tasksText } from "../../src/diagnostics/dump-text.ts";
import { safeJson, safeText, safeTexts } from "../../src/diagnostics/safe-text.ts";
import { fit, table } from "../../src/diagnostics/table.ts";
import { treeText } from "../../src/diagnostics/tree-text.ts";
import { print } from "../../src/diagnostics/print.ts";

const plain = createColors(false);
// oxlint-disable-next-line no-control-regex -- that is what is looked for
const steering = /[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/;

describe("text of others", () => {
  test.each([
    ["\u001B[31mred", String.raw`\x1b[31mred`],
    ["a\r\nb\tc", String.raw`a\x0d\nb\tc`],
    ["\u009B2J", String.raw`\x9b2J`],
    ["exe.\u202Egnp", String.raw`exe.\u202egnp`],
    ["\u200Bnothing", String.raw`\u200bnothing`],
    ["naïve 名前 🙂", "naïve 名前 🙂"],
  ])("%j is shown as %j", (text, shown) => {
    expect(safeText(text)).toBe(shown);
  });

  test("never steers the terminal, and JSON of it means the same", () => {
    const texts = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(texts, (text) => {
        expect(safeText(text)).not.toMatch(steering);
        expect(safeJson({ [text]: [text] })).not.toMatch(steering);
        expect(JSON.parse(safeJson({ text }))).toEqual({ text });
      }),
    );
  });

  test("a name as long as a book is cut, at any depth", () => {
    const [shown] = safeTexts({ names: ["x".repeat(1e6)] }).names;
    expect(shown!.length).toBeLessThan(400);
  });
});

test("tables line up, with characters that take two columns too", () => {
  expect(
    table(
      [
        ["name", "n"],
        ["名前", "1"],
        ["e\u0301", "22"],
      ],
      ["n"],
    ),
  ).toEqual(["name   n", "名前   1", "e\u0301     22"]);
  expect([fit("abcdef", 4), fit("名前", 3), fit("abc", 3), fit("abc", 0)]).toEqual(["abc…", "名…", "abc", ""]);
});

const task = {
  id: 1,
  name: "import",
  scope: 9,
  parent: null,
  state: "running",
  wait: null,
  held: [],
  age: 1,
  site: null,
} as const;
const dump: Dump = {
  schema: "snowshed.dump/1",
  pid: 7,
  node: "v20.0.0",
  program: "/srv/app.js",
  time: "2026-01-01T00:01:00.000Z",
  since: "2026-01-01T00:00:00.000Z",
  preset: "production",
  truncated: false,
  totals: {
    tasksLive: 3,
    tasksStarted: 9,
    tasksEnded: { fulfilled: 3, rejected: 2, skipped: 1 },
    leaked: 1,
    deadlocks: 1,
  },
  tasks: [
    { ...task, held: [{ resource: 8, weight: 1 }] },
    {
      ...task,
      id: 2,
      name: "",
      state: "waiting",
      age: 5000,
      site: "src/crawl.ts:41:9",
      wait: {
        resource: 8,
        kind: "semaphore",
        name: "db",
        weight: 2,
        age: 252_000,
        deadline: 4000,
        heldBy: [1, 4, 5, 6],
      },
    },
    { ...task, id: 3, name: "lost", state: "leaked", scope: 10, parent: 2 },
  ],
  resources: [
    {
      id: 8,
      kind: "semaphore",
      name: "db",
      capacity: 3,
      held: 3,
      pending: 1,
      holders: [{ task: 1, weight: 1 }],
      live: 0,
    },
    { id: 9, kind: "group", name: "", capacity: null, held: 0, pending: 0, holders: [], live: 2 },
  ],
  warnings: [],
  deadlocks: [{ certainty: "certain", tasks: [1, 2, 77], resources: [8] }],
};

test("a dump in words", () => {
  expect(headText(dump, plain).split("\n")).toEqual([
    "7  /srv/app.js  node 20.0.0, production, watched for 1m 0s",
    "3 live, 6 ended (2 rejected, 1 skipped), 1 leaked, 1 deadlock",
  ]);
  const wait = 'semaphore "db" (2 of 3), held by #1 "import", #4, #5 and 1 more, gives up in 4s';
  expect(tasksText(dump, 10, plain).split("\n")).toEqual([
    `id  state    age  name    ${"waits for".padEnd(wait.length)}  made at`,
    ` 2  waiting   5s          ${wait}  src/crawl.ts:41:9`,
    ' 1  running  1ms  import  (holds semaphore "db")',
    " 3  leaked   1ms  lost",
  ]);
  expect(stuckText(dump, plain).split("\n")).toEqual([
    "deadlock 1: 3 tasks",
    '  #1 "import" running; it holds semaphore "db"',
    `  #2 waits 4m 12s for ${wait}`,
    "      made at src/crawl.ts:41:9",
    "  #77",
    "",
    "leaked: 1 task that can never end",
    '  #3 "lost" leaked',
  ]);
  expect(treeText(dump, 10, plain).split("\n")).toEqual([
    "group",
    '├─ import #1 [running, 1ms]  (holds semaphore "db")',
    `└─  #2 [waiting, 5s]  waits for ${wait}`,
    "   └─ scope #10",
    "      └─ lost #3 [leaked, 1ms]",
  ]);
  expect(resourcesText(dump.resources, 10, 80, plain)).toEqual([
    "kind       resource  held  pending",
    "semaphore  db         3/3        1",
  ]);
  expect([isStuck(dump), isStuck({ ...dump, deadlocks: [] })]).toEqual([true, true]);
  expect(isStuck({ totals: { ...dump.totals, leaked: 0, deadlocks: 0 }, deadlocks: [] })).toBe(false);
  expect([stackText(dump, plain), stackText({ ...dump, stack: [] }, plain)]).toEqual(["", "the event loop is free"]);
});

test("an output that is closed is not waited for", async () => {
  const stdout = new Writable({ highWaterMark: 1, write: () => {} });
  stdout.on("error", () => {});
  const printed = print("more than it takes", { stdout } as never);
  stdout.destroy();
  await printed;
});
