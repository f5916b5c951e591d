import { Redis } from "ioredis";
import type { RedisLike, RedisSemaphoreOptions } from "snowshed/redis";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, expect, test } from "vitest";

// Never connects: what is refused here asks no server.
const client = new Redis({ lazyConnect: true });
afterAll(() => client.disconnect());

const invalid = "SNOWSHED_INVALID_ARGUMENT";

test.for<[object, string]>([
  [{ permits: -1 }, "permits"],
  [{ permits: 1.5 }, "permits"],
  [{ permits: Number.NaN }, "permits"],
  [{ permits: Infinity }, "permits"],
  [{ permits: 10_001 }, "permits"],
  [{ permits: "1" }, "permits"],
  [{}, "permits"],
  [{ permits: 1, version: -1 }, "version"],
  [{ permits: 1, version: 0.5 }, "version"],
  [{ permits: 1, lease: 99 }, "lease"],
  [{ permits: 1, lease: "13h" }, "lease"],
  [{ permits: 1, lease: Number.NaN }, "lease"],
  [{ permits: 1, lease: "soon" }, "lease"],
  [{ permits: 1, prefix: "" }, "prefix"],
  [{ permits: 1, prefix: "a{b" }, "prefix"],
  [{ permits: 1, owner: "" }, "owner"],
  [{ permits: 1, owner: "\ud800" }, "owner"],
  [{ permits: 1, commandTimeout: 0 }, "commandTimeout"],
  [{ permits: 1, commandTimeout: Infinity }, "commandTimeout"],
  [{ permits: 1, replicas: { count: 0 } }, "replicas.count"],
  [{ permits: 1, replicas: { count: 1, timeout: 0 } }, "replicas.timeout"],
  [{ permits: 1, subscriber: {} }, "subscriber"],
  [{ permits: 1, localHandover: { times: 0, ms: 10 } }, "localHandover.times"],
  [{ permits: 1, localHandover: { times: 101, ms: 10 } }, "localHandover.times"],
  [{ permits: 1, localHandover: { times: 1.5, ms: 10 } }, "localHandover.times"],
  [{ permits: 1, localHandover: { times: 10, ms: 0 } }, "localHandover.ms"],
  [{ permits: 1, localHandover: { times: 10, ms: Number.NaN } }, "localHandover.ms"],
  [{ permits: 1, localHandover: { times: 10, ms: 10_001 } }, "localHandover.ms"],
])("options %j are refused: %s", ([options, name]) => {
  const make = (): unknown => new RedisSemaphore(client, "jobs", options as RedisSemaphoreOptions);
  expect(make).toThrow(name);
  expect(make).toThrow(expect.objectContaining({ code: invalid }));
});

test.for<unknown>(["", "a}b", "{", 7, undefined, "\udfff"])("the name %j is refused", (name) => {
  const make = (): unknown => new RedisSemaphore(client, name as string, { permits: 1 });
  expect(make).toThrow(expect.objectContaining({ code: invalid }));
});

test.for<unknown>([undefined, null, {}, "redis://localhost", { evalsha: 1 }])("%j is no client", (other) => {
  const make = (): unknown => new RedisSemaphore(other as RedisLike, "jobs", { permits: 1 });
  expect(make).toThrow(expect.objectContaining({ code: invalid }));
});

test("arguments of the methods are refused before anything is asked or changed", async () => {
  const semaphore = new RedisSemaphore(client, "jobs", { permits: 1 });
  for (const weight of [0, -1, 1.5, Number.NaN, 2 ** 53, "1" as never]) {
    await expect(semaphore.permit(weight)).rejects.toMatchObject({ code: invalid });
    await expect(semaphore.tryPermit(weight)).rejects.toMatchObject({ code: invalid });
    await expect(semaphore.run(() => 1, { weight })).rejects.toMatchObject({ code: invalid });
    await expect(semaphore.resize(typeof weight === "number" && weight === 0 ? -1 : weight)).rejects.toMatchObject({
      code: invalid,
    });
  }
  await expect(semaphore.permit(1, { timeout: "soon" as never })).rejects.toMatchObject({ code: invalid });
  await expect(semaphore.permit(1, { signal: {} as never })).rejects.toMatchObject({ code: invalid });
  await expect(semaphore.run(undefined as never)).rejects.toMatchObject({ code: invalid });
  for (const id of ["", "a b", "a\nb", 7]) {
    await expect(semaphore.releaseHolder(id as string)).rejects.toMatchObject({ code: invalid });
  }
  await expect(semaphore.close({ timeout: -1 })).rejects.toMatchObject({ code: invalid });
  expect([semaphore.held, client.status]).toEqual([0, "wait"]);
  await semaphore.close();
  await semaphore.close();
  await expect(semaphore.tryPermit()).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
  await expect(semaphore.resize(2)).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
  expect(client.status).toBe("wait");
});
