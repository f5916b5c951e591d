// Three members, whose leader is killed or stopped while clients hold and wait.
import { EtcdSemaphore } from "snowshed/etcd";
import { expect, test } from "vitest";
import { until } from "../../support/etcd.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd(3);

async function queued(semaphore: EtcdSemaphore, count: number): Promise<void> {
  await until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);
}

test.each(["kill", "stop"] as const)(
  "the leader gets a %s: holders keep what they hold, who waits is served, and no more than there are hold",
  { timeout: 120_000 },
  async (fault) => {
    const { cluster } = etcd;
    const leader = await cluster.leader();
    const others = cluster.endpoints.filter((endpoint) => endpoint !== leader.endpoint);
    // One of them is at the leader first, the other at a follower.
    const name = newName();
    const orders = [
      [leader.endpoint, ...others],
      [...others, leader.endpoint],
    ];
    const [one, other] = orders.map(
      (endpoints) => new EtcdSemaphore(etcd.connect({ endpoints, timeout: "20s" }), name, { permits: 2, lease: "20s" }),
    ) as [EtcdSemaphore, EtcdSemaphore];
    const [first, second] = await Promise.all([one.permit(), other.permit()]);
    const waiting = [one.permit(), other.permit()];
    await queued(other, 2);
    await leader[fault]();
    try {
      const from = performance.now();
      await Promise.all([first.release(), second.release()]);
      const [third, fourth] = await Promise.all(waiting);
      expect(new Set([third!.fence.slot, fourth!.fence.slot])).toEqual(new Set([0, 1]));
      expect([third!.context.aborted, fourth!.context.aborted]).toEqual([false, false]);
      expect(await other.tryPermit()).toBeUndefined();
      expect(await one.tryPermit()).toBeUndefined();
      const { held, holders } = await one.inspect();
      expect([held, holders.map(({ fence }) => fence.slot).toSorted()]).toEqual([2, [0, 1]]);
      // And their leases go on after that.
      await until(() => performance.now() - from > 8000, "a keep-alive or two");
      expect([third!.context.aborted, fourth!.context.aborted]).toEqual([false, false]);
      await Promise.all([third!.release(), fourth!.release()]);
      expect((await other.inspect()).held).toBe(0);
    } finally {
      if (fault === "kill") await leader.start();
      else leader.cont();
    }
  },
);

test("with two of three gone nobody gets anything, and all are told; when they are back it goes on", async () => {
  const { cluster } = etcd;
  const [one, two] = cluster.members;
  const options = { permits: 1, lease: "60s" } as const;
  const semaphore = new EtcdSemaphore(etcd.connect({ timeout: "2s" }), newName(), options);
  const permit = await semaphore.permit();
  one!.stop();
  two!.stop();
  try {
    const unavailable = { code: "SNOWSHED_BACKEND_UNAVAILABLE" };
    await expect(semaphore.permit()).rejects.toMatchObject(unavailable);
    await expect(semaphore.tryPermit()).rejects.toMatchObject(unavailable);
    await expect(semaphore.inspect()).rejects.toMatchObject(unavailable);
  } finally {
    one!.cont();
    two!.cont();
  }
  await until(async () => (await semaphore.inspect()).held === 1, "it answers again");
  expect(permit.context.aborted).toBe(false);
  await until(() => permit.release().then(() => true), "it is given back");
  await until(() => semaphore.run(() => true), "it goes on");
});
