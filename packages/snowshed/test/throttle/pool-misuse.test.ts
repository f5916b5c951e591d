// Arguments that make no sense: refused at the door, with the pool left as it was.
import type { PoolOptions } from "snowshed/throttle";
import { Pool } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { outcome } from "../support/promises.ts";

const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };
const create = (): object => ({});

describe("no pool is made with", () => {
  test.each<readonly [string, object]>([
    ["no create", {}],
    ["a create that is none", { create: {} }],
    ["a destroy that is none", { create, destroy: true }],
    ["a validate that is none", { create, validate: "select 1" }],
    ["an onLeak that is none", { create, onLeak: "warn" }],
    ["an isBroken that is none", { create, isBroken: [] }],
    ["a max of 0", { create, max: 0 }],
    ["a negative max", { create, max: -1 }],
    ["a max of NaN", { create, max: Number.NaN }],
    ["a fraction of a max", { create, max: 1.5 }],
    ["an endless max", { create, max: Number.POSITIVE_INFINITY }],
    ["a max in words", { create, max: "20" }],
    ["a negative min", { create, min: -1 }],
    ["a min above max", { create, max: 2, min: 3 }],
    ["a negative maxQueue", { create, maxQueue: -1 }],
    ["a maxQueue of NaN", { create, maxQueue: Number.NaN }],
    ["an acquireTimeout of 0", { create, acquireTimeout: 0 }],
    ["a negative acquireTimeout", { create, acquireTimeout: "-3s" }],
    ["an acquireTimeout without a unit", { create, acquireTimeout: "3" }],
    ["an idleTimeout of 0", { create, idleTimeout: 0 }],
    ["a maxAge of NaN", { create, maxAge: Number.NaN }],
    ["a leakThreshold of nothing", { create, leakThreshold: 0 }],
  ])("%s", (_name, options) => {
    expect(() => new Pool(options as PoolOptions<object>)).toThrow(expect.objectContaining(invalid));
  });
});

describe("no resource is lent with", () => {
  test.each<readonly [string, object]>([
    ["a timeout of NaN", { timeout: Number.NaN }],
    ["a timeout without a unit", { timeout: "soon" }],
    ["a priority that is none", { priority: "urgent" }],
    ["a signal that is none", { signal: {} }],
  ])("%s", async (_name, options) => {
    await using pool = new Pool({ create });
    expect(await outcome(pool.permit(options))).toMatchObject({ status: "rejected", reason: invalid });
    const refused = pool.run(() => 1, options);
    expect(await outcome(refused)).toMatchObject({ status: "rejected", reason: invalid });
    expect([pool.size, pool.pending]).toEqual([0, 0]);
  });

  test("a task that is none", async () => {
    await using pool = new Pool({ create });
    expect(await outcome(pool.run(1 as never))).toMatchObject({ status: "rejected", reason: invalid });
    expect(await outcome(pool.close({ timeout: -1 }))).toMatchObject({ status: "rejected", reason: invalid });
    expect(await pool.run(() => "still open")).toBe("still open");
  });
});
