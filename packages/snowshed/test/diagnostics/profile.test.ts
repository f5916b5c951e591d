import { Channel, Semaphore, WaitGroup } from "snowshed";
import type { ProfileKind } from "snowshed/diagnostics";
import { activeMonitor, disable, enable, formatProfile, profile } from "snowshed/diagnostics";
import { FakeClock } from "snowshed/testing";
import { afterEach, describe, expect, test } from "vitest";
import { deferred } from "../support/promises.ts";

afterEach(disable);

describe("profile()", () => {
  test("counts tasks that do the same, the largest group first, with the age of the oldest", async () => {
    const clock = new FakeClock();
    enable("test", { clock, eventLoopBlocked: Number.POSITIVE_INFINITY });
    const group = new WaitGroup();
    const gate = deferred();
    const database = new Semaphore(1, { name: "database" });
    const jobs = new Channel<number>(0, { name: "jobs" });
    for (let n = 0; n < 3; n++) {
      await clock.advance("1s");
      group.go(() => database.run(() => gate.promise), { name: "query" });
    }
    group.go(() => jobs.receive(), { name: "worker" });
    const site = expect.stringContaining("profile.test.ts") as string;
    expect(profile("task")).toEqual({
      kind: "task",
      total: 4,
      groups: [
        {
          count: 2,
          name: "query",
          state: "waiting",
          wait: { kind: "semaphore", name: "database" },
          site,
          oldest: 1000,
        },
        { count: 1, name: "query", state: "running", wait: null, site, oldest: 2000 },
        { count: 1, name: "worker", state: "waiting", wait: { kind: "channel", name: "jobs" }, site, oldest: 0 },
      ],
    });
    expect(profile("blocked").groups.map(({ count, name }) => [count, name])).toEqual([
      [2, "query"],
      [1, "worker"],
    ]);
    expect(profile("leak")).toEqual({ kind: "leak", total: 0, groups: [] });
    const monitor = activeMonitor()!;
    monitor.markLeaked([...monitor.tasks()][1]!);
    expect(profile("leak")).toMatchObject({ total: 1, groups: [{ count: 1, name: "query", state: "leaked" }] });
    expect(formatProfile(profile("blocked")).replaceAll(/ made at \S+/g, "")).toBe(
      [
        "3 blocked tasks",
        '      1 "query" [leaked semaphore "database", 1s]',
        '      1 "query" [waiting semaphore "database", 0ms]',
        '      1 "worker" [waiting channel "jobs", 0ms]',
        "",
      ].join("\n"),
    );
    gate.resolve();
    jobs.close();
    await group.wait();
  });

  test("tells apart what was made at different places", async () => {
    enable("development");
    const group = new WaitGroup();
    const gate = deferred();
    group.go(() => gate.promise, { name: "same" });
    group.go(() => gate.promise, { name: "same" });
    for (let n = 0; n < 2; n++) group.go(() => gate.promise, { name: "same" });
    expect(profile("task").groups.map(({ count }) => count)).toEqual([2, 1, 1]);
    gate.resolve();
    await group.wait();
  });

  test("is empty without a monitor", () => {
    expect(profile("task")).toEqual({ kind: "task", total: 0, groups: [] });
    expect(formatProfile(profile("task"))).toBe("0 tasks\n");
  });

  test.each(["tasks", "toString", undefined, 1])("refuses %s as a kind", (kind) => {
    const call = () => profile(kind as ProfileKind);
    expect(call).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as Error);
  });
});
