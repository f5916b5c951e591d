// What a semaphore in etcd does for those who use it as they should, on a real etcd.
import type { SnowshedError } from "snowshed";
import { CanceledError, Context, DeadlineExceededError } from "snowshed";
import type { EtcdClient, LeasePermit } from "snowshed/etcd";
import { EtcdSemaphore } from "snowshed/etcd";
import { describe, expect, expectTypeOf, test } from "vitest";
import { installHooks } from "../../../src/hooks.ts";
import { until } from "../../support/etcd.ts";
import { outcome } from "../../support/promises.ts";
import { RecordedHooks } from "../../support/recorded-hooks.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd();
const prefixOf = (name: string): string => `snowshed/semaphore/${name}/`;

/** Semaphores of one name, each with a client of its own, as several processes have them. */
function semaphores(permits: number, count: number = 2, client?: EtcdClient): EtcdSemaphore[] {
  const name = newName();
  return Array.from(
    { length: count },
    () => new EtcdSemaphore(client ?? etcd.connect(), name, { permits, lease: "5s" }),
  );
}

async function queued(semaphore: EtcdSemaphore, count: number): Promise<void> {
  await until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);
}

const aText: unknown = expect.any(String);
const aNumber: unknown = expect.any(Number);
const lost: unknown = expect.objectContaining({ code: "SNOWSHED_LEASE_LOST" });

describe("permits", () => {
  test("at most so many are held, by all clients together", async () => {
    const [one, other] = semaphores(3) as [EtcdSemaphore, EtcdSemaphore];
    let [inside, most] = [0, 0];
    const task = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
    };
    await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).run(task)));
    expect([inside, most]).toEqual([0, 3]);
  });

  test("who waits is served in the order in which etcd has heard of them", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    const holder = await one.permit();
    const order: number[] = [];
    const tokens: bigint[] = [];
    const all: Promise<void>[] = [];
    for (let index = 0; index < 8; index++) {
      all.push(
        (index % 3 === 0 ? one : other).run((_, { fence }) => {
          order.push(index);
          tokens.push(fence.token);
        }),
      );
      await queued(one, index + 1);
    }
    await holder.release();
    await Promise.all(all);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(tokens).toEqual(tokens.toSorted((a, b) => Number(a - b)));
    expect(new Set([holder.fence.token, ...tokens]).size).toBe(9);
  });

  test("each has a slot of its own, whose tokens grow", async () => {
    const [one, other] = semaphores(3) as [EtcdSemaphore, EtcdSemaphore];
    const latest = new Map<number, bigint>();
    const held = new Set<number>();
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? one : other).run(async (context, { fence, fences, weight }) => {
          expect([fence.slot < 3, fences, weight]).toEqual([true, [fence], 1]);
          expect(held.has(fence.slot)).toBe(false);
          held.add(fence.slot);
          expect(fence.token).toBeGreaterThan(latest.get(fence.slot) ?? 0n);
          latest.set(fence.slot, fence.token);
          await context.sleep(3);
          held.delete(fence.slot);
        }),
      ),
    );
    expect(latest.size).toBe(3);
  });

  test("a heavy one has as many slots, waits for all of them, and is not overtaken", async () => {
    const [one, other] = semaphores(3) as [EtcdSemaphore, EtcdSemaphore];
    const first = await one.permit();
    const order: string[] = [];
    const heavy = other.permit(3);
    await queued(one, 1);
    const light = one.run(() => order.push("light"));
    await queued(one, 2);
    expect(await outcome(heavy)).toEqual({ status: "pending" });
    await first.release();
    const permit = await heavy;
    order.push("heavy");
    expect(permit.fences.map(({ slot }) => slot)).toEqual([0, 1, 2]);
    expect(new Set(permit.fences.map(({ token }) => token)).size).toBe(1);
    expect([permit.fence, permit.weight]).toEqual([permit.fences[0], 3]);
    await permit.release();
    await light;
    expect(order).toEqual(["heavy", "light"]);
  });

  test("a hundred at once, and one more is refused", async () => {
    const [one] = semaphores(200, 1) as [EtcdSemaphore];
    const permit = await one.permit(100);
    const other = one.permit(100);
    expect((await other).fences.map(({ slot }) => slot)).toEqual(
      Array.from({ length: 100 }, (_, index) => 100 + index),
    );
    const third = one.permit(100);
    await queued(one, 1);
    await permit.release();
    expect((await third).fences[99]!.slot).toBe(99);
    await expect(one.permit(101)).rejects.toThrow(RangeError);
  });

  test("releasing twice is releasing once, and nothing is left in etcd but the number of permits", async () => {
    const [one] = semaphores(2, 1) as [EtcdSemaphore];
    const permit = await one.permit();
    expect((await etcd.cluster.keys(prefixOf(one.name))).size).toBe(3);
    expect(permit.context.aborted).toBe(false);
    const released = permit.release();
    expect(permit.release()).toBe(released);
    await released;
    expect([permit.context.aborted, permit.context.reason]).toEqual([true, expect.any(CanceledError)]);
    expect(permit.context.cause).not.toEqual(lost);
    await permit[Symbol.asyncDispose]();
    expect([...(await etcd.cluster.keys(prefixOf(one.name))).keys()]).toEqual([`${prefixOf(one.name)}permits`]);
  });

  test("one client with several semaphores has one lease, and their keys do not meet", async () => {
    const client = etcd.connect();
    const [one, other] = semaphores(3, 2, client) as [EtcdSemaphore, EtcdSemaphore];
    const [third] = semaphores(2, 1, client) as [EtcdSemaphore];
    const all = await Promise.all([one.permit(), other.permit(), third.permit()]);
    const holders = [...(await one.inspect()).holders, ...(await third.inspect()).holders];
    expect(new Set(holders.map(({ id }) => id.split("-")[0])).size).toBe(1);
    expect(new Set(holders.map(({ id }) => id)).size).toBe(3);
    // Another one's key is no stray one.
    await one.run(() => {});
    expect((await one.inspect()).held).toBe(2);
    await Promise.all(all.map((permit) => permit.release()));
  });
});

describe("tryPermit", () => {
  test("gives what is free, and nothing while all are held or somebody waits", async () => {
    const [one, other] = semaphores(2) as [EtcdSemaphore, EtcdSemaphore];
    const first = await one.tryPermit();
    expect(first?.weight).toBe(1);
    expect(await other.tryPermit(2)).toBeUndefined();
    const second = await other.tryPermit();
    expect(second?.fence.slot).toBe(1);
    expect(await one.tryPermit()).toBeUndefined();
    const waiting = one.permit(2);
    await queued(one, 1);
    await second?.release();
    // There is room for one, and it is not this one's turn.
    expect(await other.tryPermit()).toBeUndefined();
    await first?.release();
    await (await waiting).release();
    expect(await one.tryPermit(3)).toBeUndefined();
  });

  test("knows what was given back just before, by whomever", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    for (let round = 0; round < 10; round++) {
      const permit = await (round % 2 === 0 ? one : other).permit();
      await permit.release();
      const tried = await (round % 2 === 0 ? other : one).tryPermit();
      expect(tried).toBeDefined();
      await tried?.release();
    }
  });

  test("of many at once exactly as many get one as there are", async () => {
    const all = semaphores(3, 4);
    await Promise.all(all.map((semaphore) => semaphore.tryPermit(3)));
    const fresh = semaphores(3, 4);
    const tried = await Promise.all(Array.from({ length: 20 }, (_, index) => fresh[index % 4]!.tryPermit()));
    expect(tried.filter((permit) => permit !== undefined).length).toBe(3);
  });
});

describe("run", () => {
  test("gives what the task gives, and gives back when it has ended", async () => {
    const [one] = semaphores(1, 1) as [EtcdSemaphore];
    expect(await one.run(async (context, permit) => [context === permit.context, permit.fence.slot])).toEqual([
      true,
      0,
    ]);
    const failure = new Error("of the task");
    await expect(one.run(() => Promise.reject(failure))).rejects.toBe(failure);
    expect((await one.inspect()).held).toBe(0);
  });

  test("its context is a child of the signal; a task that is canceled keeps its permit until it has ended", async () => {
    const [one] = semaphores(1, 1) as [EtcdSemaphore];
    const context = Context.background.withCancel();
    let end!: () => void;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let seen: Context | undefined;
    const run = one.run(
      async (given) => {
        seen = given;
        await ended;
      },
      { signal: context },
    );
    await until(() => seen !== undefined, "it runs");
    context.cancel("enough");
    expect([seen?.aborted, seen?.cause]).toEqual([true, "enough"]);
    expect((await one.inspect()).held).toBe(1);
    end();
    await run;
    expect((await one.inspect()).held).toBe(0);
  });
});

describe("giving up", () => {
  test("an aborted signal refuses, also when there is room", async () => {
    const [one] = semaphores(1, 1) as [EtcdSemaphore];
    await expect(one.permit(1, { signal: AbortSignal.abort() })).rejects.toThrow(CanceledError);
  });

  test("a signal that aborts ends the wait, and the one behind goes on", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    const holder = await one.permit();
    const context = Context.background.withCancel();
    const given = other.permit(1, { signal: context });
    await queued(one, 1);
    const behind = one.permit();
    await queued(one, 2);
    context.cancel(new Error("no more"));
    await expect(given).rejects.toMatchObject({ code: "SNOWSHED_CANCELED", cause: new Error("no more") });
    await queued(one, 1);
    await holder.release();
    await (await behind).release();
  });

  test("at any moment: nothing is held, and nothing is left", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    await Promise.all([one.run(() => {}), other.run(() => {})]);
    const results = { held: 0, canceled: 0 };
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const context = Context.background.withCancel();
        if (index % 3 > 0) setTimeout(() => context.cancel(), ((index * 37) % 60) * 5);
        try {
          const permit = await (index % 2 === 0 ? one : other).permit(1, { signal: context });
          results.held++;
          await permit.release();
        } catch (error) {
          expect(error).toBeInstanceOf(CanceledError);
          results.canceled++;
        }
      }),
    );
    expect([results.held + results.canceled, results.held >= 20, results.canceled > 0]).toEqual([60, true, true]);
    await until(async () => (await etcd.cluster.keys(prefixOf(one.name))).size === 1, "all keys are gone");
    expect(await one.tryPermit()).toBeDefined();
  });

  test("after its timeout", async () => {
    const [one] = semaphores(1, 1) as [EtcdSemaphore];
    const holder = await one.permit(1, { timeout: "10s" });
    await expect(one.permit(1, { timeout: 50 })).rejects.toThrow(DeadlineExceededError);
    await expect(one.permit(1, { timeout: 0 })).rejects.toThrow(DeadlineExceededError);
    await queued(one, 0);
    await holder.release();
    expect((await one.permit(1, { timeout: 0 })).fence.slot).toBe(0);
  });
});

describe("the number of permits", () => {
  test("growing admits who waits, in other processes too", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    await one.permit();
    const waiting = [other.permit(), one.permit(), other.permit()];
    await queued(one, 3);
    await one.resize(4);
    expect(new Set((await Promise.all(waiting)).map(({ fence }) => fence.slot))).toEqual(new Set([1, 2, 3]));
    expect(await one.inspect()).toMatchObject({ permits: 4, version: 1, held: 4, queued: 0 });
  });

  test("shrinking takes nothing from holders, and refuses who can no longer fit", async () => {
    const [one, other] = semaphores(3) as [EtcdSemaphore, EtcdSemaphore];
    const held = await Promise.all([one.permit(), other.permit(), one.permit()]);
    // Looked at from the beginning: it may be refused before resize() has resolved.
    const refused = expect(other.permit(2)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    await queued(one, 1);
    const light = other.permit();
    await queued(one, 2);
    await one.resize(1);
    await refused;
    await expect(one.permit(2)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    expect(held.some(({ context }) => context.aborted)).toBe(false);
    // In an order in which the slots below the new number are given back first.
    held.sort((a, b) => a.fence.slot - b.fence.slot);
    for (const permit of held) {
      expect(await outcome(light)).toEqual({ status: "pending" });
      await permit.release();
    }
    expect((await light).fence.slot).toBe(0);
  });

  test("none: all wait until there are some", async () => {
    const [one] = semaphores(0, 1) as [EtcdSemaphore];
    await expect(one.permit()).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
    expect(await one.tryPermit()).toBeUndefined();
    await one.resize(1);
    await until(async () => (await one.tryPermit()) !== undefined, "there is one");
  });

  test("who comes with a larger version makes its own number hold, others take over what is known", async () => {
    const name = newName();
    const make = (permits: number, version?: number): EtcdSemaphore =>
      new EtcdSemaphore(etcd.connect(), name, { permits, version });
    const use = async (semaphore: EtcdSemaphore): Promise<unknown> => {
      await semaphore.run(() => {});
      const { permits, version } = await semaphore.inspect();
      return [permits, version];
    };
    expect(await use(make(3))).toEqual([3, 0]);
    expect(await use(make(5))).toEqual([3, 0]);
    const second = make(5, 2);
    expect(await use(second)).toEqual([5, 2]);
    expect(await use(make(9, 1))).toEqual([5, 2]);
    await second.resize(7);
    expect(await use(make(5, 2))).toEqual([7, 3]);
  });

  test("a number that somebody has taken away is put back", async () => {
    const [one] = semaphores(2, 1) as [EtcdSemaphore];
    const permit = await one.permit();
    await etcd.cluster.gateway("kv/deleterange", {
      key: Buffer.from(`${prefixOf(one.name)}permits`).toString("base64"),
    });
    await one.run(() => {});
    expect(await one.inspect()).toMatchObject({ permits: 2, held: 1 });
    expect(permit.context.aborted).toBe(false);
  });
});

describe("for people", () => {
  test("inspect shows who holds and who waits", async () => {
    const name = newName();
    const options = { permits: 3, lease: "20s", owner: "worker 7" } as const;
    const one = new EtcdSemaphore(etcd.connect(), name, options);
    expect(await one.inspect()).toEqual({ permits: 0, version: 0, held: 0, queued: 0, holders: [], waiters: [] });
    const from = Date.now();
    const permit = await one.permit(2);
    const waiting = one.permit(3);
    await queued(one, 1);
    const { holders, waiters, ...rest } = await one.inspect();
    expect(rest).toEqual({ permits: 3, version: 0, held: 2, queued: 1 });
    const { fence, fences } = permit;
    expect(holders).toEqual([
      {
        id: aText,
        owner: "worker 7",
        weight: 2,
        fence,
        fences,
        since: aNumber,
        expiresIn: aNumber,
      },
    ]);
    expect(waiters).toEqual([{ id: aText, owner: "worker 7", weight: 3, since: aNumber }]);
    expect(holders[0]!.since).toBeGreaterThanOrEqual(from);
    expect([holders[0]!.expiresIn > 10_000, holders[0]!.expiresIn <= 20_000]).toEqual([true, true]);
    await permit.release();
    await waiting;
  });

  test("releaseHolder takes a permit from its holder, who hears of it", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    const permit = await one.permit();
    const waiting = other.permit();
    await queued(one, 1);
    const { holders, waiters } = await other.inspect();
    expect(await other.releaseHolder(waiters[0]!.id)).toBe(false);
    expect(await other.releaseHolder("nobody")).toBe(false);
    expect(await other.releaseHolder(holders[0]!.id)).toBe(true);
    expect(await other.releaseHolder(holders[0]!.id)).toBe(false);
    const next = await waiting;
    await until(() => permit.context.aborted, "its context is aborted");
    expect(permit.context.cause).toEqual(lost);
    // It has nothing to give back any more, least of all what another one holds now.
    await permit.release();
    expect([next.context.aborted, (await one.inspect()).held]).toEqual([false, 1]);
    expect(next.fence.token).toBeGreaterThan(permit.fence.token);
  });
});

describe("closing", () => {
  test("refuses who waits and who comes, gives back what is held, and leaves the client open", async () => {
    const client = etcd.connect();
    const [one, other] = semaphores(1, 2, client) as [EtcdSemaphore, EtcdSemaphore];
    const permit = await one.permit();
    const waiting = one.permit();
    const elsewhere = other.permit();
    await queued(one, 2);
    const closing = one.close();
    await expect(waiting).rejects.toThrow(CanceledError);
    await closing;
    expect(permit.context.aborted).toBe(true);
    await expect(one.permit()).rejects.toThrow(`the semaphore "${one.name}" is closed`);
    await expect(one.tryPermit()).rejects.toThrow(CanceledError);
    await expect(one.resize(2)).rejects.toThrow(CanceledError);
    await one.close();
    const next = await elsewhere;
    expect([next.context.aborted, (await one.inspect()).held]).toEqual([false, 1]);
  });

  test("one that was never used, and one that is about to begin", async () => {
    const [one, other] = semaphores(1) as [EtcdSemaphore, EtcdSemaphore];
    await one.close();
    const refused = expect(other.permit()).rejects.toThrow(CanceledError);
    const trying = outcome(other.tryPermit());
    await other.close();
    await refused;
    expect(await trying).toMatchObject({ status: "rejected" });
  });

  test("the lease is given back with the last that uses it", async () => {
    const client = etcd.connect();
    const [one, other] = semaphores(1, 2, client) as [EtcdSemaphore, EtcdSemaphore];
    const permit = await one.permit();
    const { holders } = await one.inspect();
    const lease = { ID: String(BigInt(`0x${holders[0]!.id.split("-")[0]}`)) };
    const ttl = async (): Promise<number> =>
      Number((await etcd.cluster.gateway<{ TTL?: string }>("kv/lease/timetolive", lease)).TTL);
    await other.run(() => {}, { timeout: 50 }).catch(() => {});
    await one.close();
    expect(await ttl()).toBeGreaterThan(0);
    await other.close();
    expect(await ttl()).toBe(-1);
    expect(permit.context.aborted).toBe(true);
  });
});

test("what watches it sees every wait and every permit end", async () => {
  const recorded = new RecordedHooks();
  const before = installHooks(recorded);
  try {
    const [one, other] = semaphores(2) as [EtcdSemaphore, EtcdSemaphore];
    await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : other).run(() => {})));
    await one.tryPermit(2).then((permit) => permit?.release());
    const permit = await one.permit(2);
    await one.permit(1, { timeout: 20 }).catch(() => {});
    await permit.release();
  } finally {
    installHooks(before);
  }
  expect(recorded.open).toEqual([]);
  expect(recorded.events.filter((event) => event.startsWith("acquired")).length).toBe(12);
  expect(recorded.events.some((event) => event.startsWith("unblocked") && event.endsWith("false"))).toBe(true);
});

describe("misuse", () => {
  const invalid: unknown = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" });
  const caught = (action: () => unknown): unknown => {
    try {
      return action();
    } catch (error) {
      return error;
    }
  };

  test.each([
    ["name", "", { permits: 1 }],
    ["name", "a/b", { permits: 1 }],
    ["name", 7, { permits: 1 }],
    ["name", "\uD800", { permits: 1 }],
    ["permits", "a", {}],
    ["permits", "a", { permits: -1 }],
    ["permits", "a", { permits: 1.5 }],
    ["permits", "a", { permits: Number.NaN }],
    ["permits", "a", { permits: 2 ** 53 }],
    ["permits", "a", { permits: 10_001 }],
    ["permits", "a", { permits: "3" }],
    ["version", "a", { permits: 1, version: -1 }],
    ["lease", "a", { permits: 1, lease: "1.9s" }],
    ["lease", "a", { permits: 1, lease: Infinity }],
    ["lease", "a", { permits: 1, lease: "soon" }],
    ["owner", "a", { permits: 1, owner: "" }],
    ["prefix", "a", { permits: 1, prefix: 7 }],
  ])("%s: a semaphore of %j with %j is refused", (word, name, options) => {
    const error = caught(() => new EtcdSemaphore(etcd.connect(), name as string, options as { permits: number }));
    expect(error).toEqual(invalid);
    expect((error as SnowshedError).message).toMatch(new RegExp(`^${word}`));
  });

  test("what is no client", () => {
    expect(caught(() => new EtcdSemaphore({} as EtcdClient, "a", { permits: 1 }))).toEqual(invalid);
  });

  test.each([0, -1, 1.5, Number.NaN, Infinity, 101, 2 ** 53, "1", null])(
    "a weight of %s changes nothing",
    async (weight) => {
      const [one] = semaphores(2, 1) as [EtcdSemaphore];
      await expect(one.permit(weight as number)).rejects.toEqual(invalid);
      await expect(one.tryPermit(weight as number)).rejects.toEqual(invalid);
      await expect(one.run(() => {}, { weight: weight as number })).rejects.toEqual(invalid);
      expect((await etcd.cluster.keys(prefixOf(one.name))).size).toBe(0);
    },
  );

  test("other arguments", async () => {
    const [one] = semaphores(2, 1) as [EtcdSemaphore];
    await expect(one.run(7 as never)).rejects.toEqual(invalid);
    await expect(one.permit(1, { timeout: "x" as never })).rejects.toEqual(invalid);
    await expect(one.permit(1, { signal: {} as AbortSignal })).rejects.toEqual(invalid);
    await expect(one.resize(-1)).rejects.toEqual(invalid);
    await expect(one.releaseHolder("")).rejects.toEqual(invalid);
    expectTypeOf(one.permit).returns.resolves.toEqualTypeOf<LeasePermit>();
  });
});
