// A server that is killed while many hold and wait for its connections: the same for pools of each kind.
import { classify } from "snowshed";
import { expect } from "vitest";

/** What all pools here have, guards too. */
interface Lender<C> {
  run<R>(task: (client: C) => Promise<R>): Promise<R>;
  readonly held: number;
  readonly pending: number;
}

export interface Drill<C> {
  readonly server: { kill(): Promise<void>; start(): Promise<void> };
  readonly max: number;
  /** Of the pool, in milliseconds. */
  readonly acquireTimeout: number;
  /** What tells one connection from another, said by the server. */
  readonly identify: (client: C) => Promise<unknown>;
  /** Does not end by itself while the test runs. */
  readonly hang: (client: C) => Promise<unknown>;
}

/** What became of the calls, and how long the slowest of them took from now on. */
function settle(
  calls: readonly Promise<unknown>[],
): Promise<{ readonly errors: readonly unknown[]; readonly slowest: number }> {
  const from = performance.now();
  return Promise.allSettled(calls).then((all) => ({
    errors: all.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : [])),
    slowest: performance.now() - from,
  }));
}

/** As many connections at once as there may be: each caller holds until all do. */
export async function capacity<C>(pool: Lender<C>, { max, identify }: Drill<C>): Promise<number> {
  const ids = new Set<unknown>();
  let all!: () => void;
  const together = new Promise<void>((resolve) => {
    all = resolve;
  });
  const hold = async (client: C): Promise<void> => {
    ids.add(await identify(client));
    if (ids.size === max) all();
    await together;
  };
  await Promise.all(Array.from({ length: max }, () => pool.run(hold)));
  return ids.size;
}

/** Kills the server while 100 hold and wait, has 100 more come, starts it again, and counts the places. */
export async function crash<C>(pool: Lender<C>, drill: Drill<C>): Promise<void> {
  const { server, max, acquireTimeout, hang } = drill;
  expect(await capacity(pool, drill)).toBe(max);
  const calls = Array.from({ length: 100 }, () => pool.run(hang));
  const during = settle(calls);
  for (let round = 0; pool.held < max && round < 3000; round++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect([pool.held, pool.pending]).toEqual([max, 100 - max]);

  await server.kill();
  const after = settle(Array.from({ length: 100 }, () => pool.run(hang)));
  for (const { errors, slowest } of await Promise.all([during, after])) {
    expect(errors.length).toBe(100);
    expect(new Set(errors.map(classify))).not.toContain("fatal");
    // In time: a caller waits for as long as it may, and not for the operating system to notice, which takes many minutes.
    expect(slowest).toBeLessThan(acquireTimeout + 30_000);
  }
  expect([pool.held, pool.pending]).toEqual([0, 0]);

  await server.start();
  // What was idle when the server went is no trap for the first that come.
  expect(await capacity(pool, drill)).toBe(max);
  expect(await capacity(pool, drill)).toBe(max);
}
