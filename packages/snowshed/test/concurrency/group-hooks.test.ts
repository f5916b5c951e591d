// What a watcher is told: the seam that diagnostics stand on.
import { Group } from "snowshed";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Hooks } from "../../src/hooks.ts";
import { installHooks } from "../../src/hooks.ts";
import { deferred, outcome } from "../support/promises.ts";
import { deafHooks } from "../support/recorded-hooks.ts";

/** Installs a watcher that writes down every call about groups and tasks, by name. */
function watch(): string[] {
  const log: string[] = [];
  const names = new Map<object, string>();
  const name = (task: object): string => names.get(task) ?? "unknown";
  const hooks: Hooks = {
    ...deafHooks,
    resourceCreated: (resource, kind, given, capacity) => {
      names.set(resource, `${given}`);
      log.push(`${kind} ${given} (${capacity})`);
    },
    taskCreated: (task, scope, given) => {
      names.set(task, given);
      log.push(`${given} created in ${name(scope)}`);
    },
    taskStarted: (task) => void log.push(`${name(task)} started`),
    taskEnded: (task, how) => void log.push(`${name(task)} ${how}`),
  };
  const previous = installHooks(hooks);
  onTestFinished(() => void installHooks(previous));
  return log;
}

describe("the hooks", () => {
  test("see each group, and each task created, started and ended, one time", async () => {
    const log = watch();
    const group = new Group({ name: "outer", concurrency: 1, failFast: false });
    group.go(() => {}, { name: "first" });
    group.go(() => Promise.reject(new Error("no")), { name: "second" });
    await outcome(group.wait());
    expect(log).toEqual([
      "group outer (1)",
      "first created in outer",
      "first started",
      "second created in outer",
      "first fulfilled",
      "second started",
      "second rejected",
    ]);
  });

  test("see a skipped task end without having started: queued, chosen in the same tick, or refused", async () => {
    const log = watch();
    const group = new Group({ name: "outer", concurrency: 0 });
    group.go(() => {}, { name: "chosen" });
    group.go(() => {}, { name: "queued" });
    group.concurrency = 1;
    group.cancel();
    group.go(() => {}, { name: "refused" });
    expect(group.tryGo(() => {}, { name: "not accepted" })).toBeUndefined();
    await outcome(group.wait());
    expect(log.filter((line) => line.includes("started"))).toEqual([]);
    expect(log.filter((line) => line.endsWith("skipped")).toSorted()).toEqual([
      "chosen skipped",
      "queued skipped",
      "refused skipped",
    ]);
    expect(log.join()).not.toContain("not accepted");
  });

  test("can be installed and removed while tasks run", async () => {
    const group = new Group();
    const gate = deferred();
    group.go(() => gate.promise, { name: "before" });
    const log = watch();
    group.child({ name: "inner" }).go(() => gate.promise, { name: "between" });
    installHooks(null);
    gate.resolve();
    await group.wait();
    expect(log).toEqual(["group inner (Infinity)", "between created in inner", "between started"]);
  });
});
