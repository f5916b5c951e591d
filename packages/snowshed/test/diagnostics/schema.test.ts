import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Channel, Context, Group, Semaphore, WaitGroup } from "snowshed";
import type { Snapshot } from "snowshed/diagnostics";
import { disable, enable, snapshot } from "snowshed/diagnostics";
import { afterEach, expect, test } from "vitest";

const file = createRequire(import.meta.url).resolve("snowshed/schema/dump-1.schema.json");
const schema = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
const validate = new Ajv2020({ allErrors: true, strict: true }).compile(schema);
/** The same, and no field more than are described: what is new in a dump has to be added to the schema. */
const closed = new Ajv2020({ allErrors: true }).compile(closedSchema(schema) as object);

afterEach(disable);

/** Every `properties` without others. */
function closedSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closedSchema);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, closedSchema(each)]);
  const made = Object.fromEntries(entries) as Record<string, unknown>;
  if (made["type"] === "object" && "properties" in made) made["additionalProperties"] = false;
  return made;
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

test("a dump of all that there is has the form of the schema, and nothing else", async () => {
  enable("development", { silence: [] });
  const context = Context.background.withCancel();
  const database = new Semaphore(2, { name: "database" });
  const channel = new Channel<number>(0);
  const group = new Group({ name: "crawl", signal: context, concurrency: 4 });
  const waitGroup = new WaitGroup({ name: "outer" });
  await database.acquire();
  group.go(() => database.run(() => new Promise((resolve) => context.onAbort(() => resolve(1))), {}), {
    name: "holds",
  });
  group.go(() => database.run(() => {}), { name: "waits" });
  group.go((own) => database.acquire(1, { signal: own, timeout: "1h" }), { name: "waits with a deadline" });
  group.go((own) => own.sleep("1h"), { name: "sleeps" });
  group.go(() => 1, { name: "queued" });
  waitGroup.go(() => channel.receive({ signal: context }), { name: "receives" });
  const dump = snapshot();
  expect([validate(plain(dump)), validate.errors]).toEqual([true, null]);
  expect([closed(plain(dump)), closed.errors]).toEqual([true, null]);
  // The negative control of the closed form, and of this scene.
  expect(closed({ ...dump, more: 1 })).toBe(false);
  expect(new Set(dump.tasks.map(({ state }) => state))).toEqual(new Set(["running", "waiting", "sleeping", "queued"]));
  context.cancel();
  await Promise.allSettled([group.wait(), waitGroup.wait()]);
});

test("a deadlock, a warning, and an empty dump have it", () => {
  const dump = snapshot();
  expect([closed(plain(dump)), closed.errors]).toEqual([true, null]);
  const warning = { code: "SS002", message: "text", site: null, task: 1, resource: null, count: 1 } as const;
  const { time } = dump;
  const whole: Snapshot = {
    ...dump,
    warnings: [{ ...warning, first: time, last: time }],
    deadlocks: [{ certainty: "suspected", tasks: [1, 2], resources: [1, 2] }],
  };
  expect([closed(plain(whole)), closed.errors]).toEqual([true, null]);
});

test.each([
  ["schema", "snowshed.dump/2"],
  ["pid", "1"],
  ["time", "yesterday"],
  ["tasks", {}],
  ["tasks", [{ id: 1 }]],
  ["totals", null],
  ["deadlocks", [{ certainty: "perhaps", tasks: [], resources: [] }]],
])("a dump with %s %j has not", (field, value) => {
  const dump = snapshot();
  expect(validate(plain(dump))).toBe(true);
  expect(validate(plain({ ...dump, [field]: value }))).toBe(false);
});

test("a dump of a later version, with more fields, has it", () => {
  expect(validate(plain({ ...snapshot(), later: true }))).toBe(true);
});
