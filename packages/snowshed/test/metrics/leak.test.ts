import { afterEach, expect, test } from "vitest";
import { Channel, Group, Semaphore } from "snowshed";
import { detectLeaks, disable, enable } from "snowshed/diagnostics";
import { Metrics } from "snowshed/prometheus";
import { valuesOf } from "../support/metric-values.ts";

afterEach(disable);

test("tasks that can never end are found while metrics watch, and counted", async () => {
  const metrics = new Metrics();
  metrics.watch(enable("test", { silence: ["SS003", "SS004", "SS007"] }));
  // In a function of its own, whose variables are gone when it returns.
  const plant = (): void => {
    const group = new Group({ name: "planted" });
    group.go(async () => {
      const semaphore = new Semaphore(1, { name: "itself" });
      await semaphore.acquire();
      await semaphore.acquire();
    });
    group.go(async () => {
      await new Channel(0, { name: "nobody" }).receive();
    });
  };
  plant();
  await new Promise((resolve) => setImmediate(resolve));
  expect(valuesOf(metrics)).toMatchObject({ "resource.pending semaphore itself": 1, leaked_tasks: 0 });
  expect(await detectLeaks({ gc: true })).toHaveLength(2);
  const values = valuesOf(metrics);
  expect(values).toMatchObject({ leaked_tasks: 2, "tasks.live planted": 2 });
  // What they waited for went with them.
  expect(values["resource.pending semaphore itself"]).toBeUndefined();
});
