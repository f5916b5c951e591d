// What the pieces count for those who read them.
import { describe, expect, test } from "vitest";
import { CircuitBreaker, fixed, Limiter, Prioritizer, ReentrantSemaphore, RetryBudget, Semaphore } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { FileHandles, Quota } from "snowshed/throttle";

const refused = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "granted",
    (error: unknown) => (error as { code: string }).code,
  );

describe("a limiter", () => {
  test("tells whom it refused at once, for a priority, and out of its queue", async () => {
    const clock = new FakeClock();
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 1, clock });
    const permit = limiter.tryAcquire()!;
    expect(limiter.tryAcquire()).toBeUndefined();
    const waiting = refused(limiter.acquire({ maxWait: "1s" }));
    expect(await refused(limiter.acquire())).toBe("SNOWSHED_LIMIT_EXCEEDED");
    await clock.advance("1s");
    expect(await waiting).toBe("SNOWSHED_LIMIT_EXCEEDED");
    const { shed, ...rest } = limiter.inspect();
    expect(rest).toEqual({ limit: 1, inflight: 1, queued: 0, accepted: 1, dropped: 0 });
    expect(shed).toEqual({ limit: 2, priority: 0, wait: 1 });
    permit.dropped();
    expect(limiter.inspect()).toMatchObject({ inflight: 0, dropped: 1 });
  });

  test("one that waited and was admitted was not refused", async () => {
    const limiter = new Limiter({ algorithm: fixed(1), maxQueue: 1 });
    const permit = limiter.tryAcquire()!;
    const waiting = limiter.acquire();
    permit.ignore();
    (await waiting).ignore();
    expect(limiter.inspect()).toMatchObject({ accepted: 2, shed: { limit: 0, priority: 0, wait: 0 } });
  });

  test("whoever its priority cuts off is counted for that, and all together are what it shed", async () => {
    const clock = new FakeClock();
    const limiter = new Limiter({ algorithm: fixed(1), prioritizer: new Prioritizer({ clock, window: 100 }), clock });
    limiter.tryAcquire();
    for (let round = 0; round < 40; round++) {
      for (let call = 0; call < 30; call++) limiter.tryAcquire({ priority: "low" });
      await clock.advance(100);
    }
    const { shed } = limiter.inspect();
    expect(shed.priority).toBeGreaterThan(0);
    expect(shed.limit).toBeGreaterThan(0);
    expect(shed.limit + shed.priority + shed.wait).toBe(limiter.shed);
  });
});

test("a breaker counts openings and refusals", async () => {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker({ clock, openFor: "1s" });
  expect(breaker.inspect()).toEqual({ state: "closed", retryAfter: 0, opened: 0, refused: 0 });
  breaker.open();
  breaker.open("again");
  expect(await refused(breaker.run(() => 1))).toBe("SNOWSHED_CIRCUIT_OPEN");
  expect(breaker.inspect()).toEqual({ state: "open", retryAfter: Number.POSITIVE_INFINITY, opened: 1, refused: 1 });
  breaker.close();
  expect(await refused(breaker.run(() => 1))).toBe("granted");
  expect(breaker.inspect()).toEqual({ state: "closed", retryAfter: 0, opened: 1, refused: 1 });
});

test("a budget counts what it gave and what it refused", () => {
  const budget = new RetryBudget({ ratio: 0.5, minimumPerSecond: 0, clock: new FakeClock() });
  for (let call = 0; call < 4; call++) budget.deposit();
  const answers = [1, 2, 3].map(() => budget.tryWithdraw());
  expect(answers).toEqual([true, true, false]);
  expect(budget.inspect()).toEqual({ balance: 0, withdrawn: 2, refused: 1 });
});

test("a quota counts whom it refused, whether it or one less important had to go", async () => {
  const clock = new FakeClock();
  const quota = new Quota({ limits: [{ requests: 1, per: "1s" }], maxQueue: 1, clock });
  await quota.permit();
  expect(await refused(quota.permit(1, { timeout: 1 }))).toBe("SNOWSHED_LIMIT_EXCEEDED");
  const low = refused(quota.permit(1, { priority: "low" }));
  const high = refused(quota.permit(1, { priority: "high" }));
  expect(await low).toBe("SNOWSHED_LIMIT_EXCEEDED");
  expect(quota.inspect().refused).toBe(2);
  await clock.advance("1s");
  expect(await high).toBe("granted");
  expect(quota.inspect().refused).toBe(2);
});

test("file handles count whom they refused", async () => {
  const handles = new FileHandles({ limit: 1, maxQueue: 0 });
  const permit = await handles.permit();
  expect(await refused(handles.permit())).toBe("SNOWSHED_LIMIT_EXCEEDED");
  permit.release();
  expect(handles.inspect()).toMatchObject({ held: 0, refused: 1 });
});

test("semaphores say what is held, also when it is more than there is", async () => {
  const semaphore = new Semaphore(3);
  await semaphore.acquire(3);
  semaphore.resize(1);
  expect([semaphore.held, semaphore.available]).toEqual([3, 0]);
  const reentrant = new ReentrantSemaphore(2);
  await reentrant.run(async () => {
    await reentrant.run(() => expect(reentrant.held).toBe(1));
  });
  expect(reentrant.held).toBe(0);
});
