import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HostScheduler } from "../../src/fetch/host-scheduler.ts";
import type { FetchRequest } from "../../src/fetch/request.ts";
import { RequestParser } from "../../src/fetch/request.ts";

const parser = new RequestParser({ method: "GET", headers: [], body: undefined });
const window = { requests: 1000, bytes: 1e9 };

/** A source that counts how far it was read. */
function source(hosts: string) {
  const state = { read: 0 };
  const iterator = (async function* () {
    for (const host of hosts) {
      const request = parser.parse(`http://${host}/${state.read++}`);
      yield request;
    }
  })();
  return { state, iterator };
}

const host = (request: FetchRequest): string => new URL(request.origin).host;

async function take(scheduler: HostScheduler, count: number): Promise<FetchRequest[]> {
  const taken: FetchRequest[] = [];
  while (taken.length < count) {
    const { done, value } = await scheduler.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

/** Whether a promise is still pending when everything that can run has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))])) === pending;
}

describe("HostScheduler", () => {
  test("passes over a host without a free place, and comes back to it in order", async () => {
    const scheduler = new HostScheduler(source("aaaabb").iterator, { perHost: 2, window });
    const first = await take(scheduler, 4);
    expect(first.map(host).join("")).toBe("aabb");
    const next = scheduler.next();
    expect(await isPending(next)).toBe(true);
    scheduler.release(first[0]!);
    expect((await next).value!.path).toBe("/2");
    scheduler.release(first[1]!);
    expect((await scheduler.next()).value!.path).toBe("/3");
    expect(scheduler.exhausted).toBe(false);
    for (const request of scheduler.leftover()) scheduler.release(request);
    expect((await scheduler.next()).done).toBe(true);
    expect(scheduler.exhausted).toBe(true);
  });

  test("reads ahead only while nothing it has may go out, and no further than the window", async () => {
    const { state, iterator } = source("a".repeat(100));
    const scheduler = new HostScheduler(iterator, { perHost: 2, window: { requests: 5, bytes: 1e9 } });
    await take(scheduler, 2);
    expect(state.read).toBe(2);
    const next = scheduler.next();
    expect(await isPending(next)).toBe(true);
    expect(state.read).toBe(7);
    scheduler.close();
    expect((await next).done).toBe(true);
  });

  test("the window also counts bytes", async () => {
    const { state, iterator } = source("a".repeat(100));
    const scheduler = new HostScheduler(iterator, { perHost: 1, window: { requests: 1000, bytes: 30 } });
    await take(scheduler, 1);
    expect(await isPending(scheduler.next())).toBe(true);
    // A line is "http://a/1": 10 bytes.
    expect(state.read).toBe(4);
    scheduler.close();
  });

  test("hosts get their turns, however many lines one of them has first", async () => {
    const scheduler = new HostScheduler(source("aaaaaaaabbbb").iterator, { perHost: 100, window });
    const first = await take(scheduler, 12);
    expect(first.map(host).join("")).toBe("aaaaaaaabbbb");
    const crowded = new HostScheduler(source("aaaabbbbcccc").iterator, { perHost: 1, window });
    const taken = await take(crowded, 3);
    expect(taken.map(host).join("")).toBe("abc");
    for (const request of taken) crowded.release(request);
    expect((await take(crowded, 3)).map(host).toSorted().join("")).toBe("abc");
  });

  test("close() ends a pending next() although the source never answers", async () => {
    const silent: AsyncIterator<FetchRequest> = { next: () => new Promise(() => {}) };
    const scheduler = new HostScheduler(silent, { perHost: 1, window });
    const next = scheduler.next();
    expect(await isPending(next)).toBe(true);
    await scheduler.return();
    expect((await next).done).toBe(true);
    expect(scheduler.exhausted).toBe(false);
  });

  test("an error of the source comes out of next()", async () => {
    const broken: AsyncIterator<FetchRequest> = { next: () => Promise.reject(new Error("broken")) };
    await expect(new HostScheduler(broken, { perHost: 1, window }).next()).rejects.toThrow("broken");
  });

  test("keeps the limit, gives out each request once and in the order of its host, whatever the order of ends", async () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c", "d"), maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        letters,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 10 }),
        fc.infiniteStream(fc.nat()),
        async (hosts, perHost, ahead, choices) => {
          const scheduler = new HostScheduler(source(hosts).iterator, {
            perHost,
            window: { requests: ahead, bytes: 1e9 },
          });
          const out: FetchRequest[] = [];
          const given: FetchRequest[] = [];
          const free = (): void => {
            const [request] = out.splice(choices.next().value! % out.length, 1);
            scheduler.release(request!);
          };
          while (true) {
            const next = scheduler.next();
            while (out.length > 0 && (await isPending(next))) free();
            const { done, value } = await next;
            if (done === true) break;
            out.push(value);
            given.push(value);
            for (const letter of "abcd")
              expect(out.filter((request) => host(request) === letter).length).toBeLessThanOrEqual(perHost);
            if (choices.next().value! % 3 === 0) free();
          }
          for (const letter of "abcd") {
            const order = given.filter((request) => host(request) === letter).map(({ path }) => Number(path.slice(1)));
            expect(order).toEqual([...hosts].flatMap((other, index) => (other === letter ? [index] : [])));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
