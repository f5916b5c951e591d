// Chapter 4: each kind of resource has a limit of its own kind: a pool of 20 connections with a timeout of 3 s and leak
// detection after 60 s, an external quota of 1000 requests a minute with x-ratelimit-remaining, file handles and EMFILE.
import { FileHandles, Pool, Quota } from "snowshed/throttle";
import { describe, expect, test } from "vitest";
import { clock, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

describe("R12: a pool of connections, with the article's numbers, which are the defaults", () => {
  test("20 at most; who waits for 3 s fails at once then, and no place is lost", async () => {
    let open = 0;
    const pool = new Pool({ create: () => ++open, destroy: () => void open--, clock });
    const held = await Promise.all(Array.from({ length: 20 }, () => pool.permit()));
    const late = pool.permit();
    const refused = expect(late).rejects.toMatchObject({ code: "SNOWSHED_LIMIT_EXCEEDED" });
    await clock.advance(2999);
    expect([open, pool.pending]).toEqual([20, 1]);
    await clock.advance(1);
    await refused;
    for (const permit of held) permit.release();
    expect([pool.held, pool.idle, pool.pending]).toEqual([0, 20, 0]);
    await pool.close();
    expect(open).toBe(0);
  });

  test("what is held for 60 s is reported, with the place that took it; what is given back is not", async () => {
    const leaks: string[] = [];
    const pool = new Pool({ create: () => ({}), onLeak: ({ acquiredAt }) => leaks.push(acquiredAt), clock });
    const forget = async () => pool.permit();
    const forgotten = await forget();
    (await pool.permit()).release();
    await clock.advance("59s");
    expect(leaks).toEqual([]);
    await clock.advance("2s");
    expect(leaks).toEqual([expect.stringContaining("forget")]);
    forgotten.release();
    await pool.close();
  });
});

describe("R12: an external quota", () => {
  test("1000 in a minute of asking all the time, and not one more", async () => {
    const quota = new Quota({ limits: [{ requests: 1000, per: "1m" }], clock });
    let passed = 0;
    for (let tick = 0; tick < 6000; tick++) {
      if (quota.tryPermit() !== undefined) passed++;
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(10);
    }
    expect(passed).toBe(1000);
  });

  test("what is left by x-ratelimit-remaining counts, where the article asks Redis whether it is below 1000", async () => {
    const quota = new Quota({ limits: [{ requests: 1000, per: "1m", burst: 1000 }], clock });
    quota.observe({ status: 200, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30" } });
    expect(quota.tryPermit()).toBeUndefined();
    await clock.advance("30s");
    expect(quota.tryPermit()).toBeDefined();
  });
});

describe("R12: file handles", () => {
  test("EMFILE, from which the article cannot recover, loses no call", async () => {
    let open = 0;
    const handles = new FileHandles({ limit: 10, clock });
    const read = async (): Promise<string> => {
      // The process has fewer than it was told.
      if (open >= 4) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
      open++;
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 5));
      open--;
      return "text";
    };
    const reading = Promise.all(Array.from({ length: 50 }, () => handles.run(read)));
    await clock.advance("1m");
    expect(await reading).toHaveLength(50);
    expect(handles.inspect().held).toBe(0);
  });
});
