// What RedisSemaphore does whichever client it is given, and whatever that talks to.
import type { LeasePermit, RedisLike } from "snowshed/redis";
import { RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/redis.ts";

export interface RedisSemaphoreScene {
  /** A client of its own, as of another process. */
  readonly connect: () => Promise<{ readonly client: RedisLike; readonly close: () => Promise<void> }>;
  /** A command on all servers that take writes. */
  readonly everywhere: (...command: string[]) => Promise<unknown>;
}

let names = 0;

export function redisSemaphoreConformance(title: string, { connect, everywhere }: RedisSemaphoreScene): void {
  describe(title, () => {
    const open: { readonly client: RedisLike; readonly close: () => Promise<void> }[] = [];
    beforeAll(async () => {
      open.push(await connect(), await connect());
    }, 60_000);
    afterAll(() => Promise.all(open.map((each) => each.close())));

    const both = (options: object = {}): [RedisSemaphore, RedisSemaphore] => {
      const name = `conformance-${names++}`;
      const [first, second] = open.map(({ client }) => new RedisSemaphore(client, name, { permits: 2, ...options }));
      return [first!, second!];
    };
    const queued = (semaphore: RedisSemaphore, count: number): Promise<void> =>
      until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);

    test("permits, waiting, hand-over by message, resize, inspection", async () => {
      const [a, b] = both();
      const held = await Promise.all([a.permit(), b.permit()]);
      expect(held.map(({ fence }) => fence.slot).toSorted()).toEqual([0, 1]);
      expect(await a.tryPermit()).toBeUndefined();
      const waiting: Promise<LeasePermit>[] = [];
      for (const each of [b, a, b, a]) {
        waiting.push(each.permit());
        await queued(a, waiting.length);
      }
      await a.resize(3);
      let last = 0n;
      const order: LeasePermit[] = [];
      for (const each of waiting) {
        const permit = await each;
        expect(permit.fence.token > last).toBe(true);
        last = permit.fence.token;
        order.push(permit);
        await (held.shift() ?? order.shift()!).release();
      }
      const seen = await b.inspect();
      expect(seen).toMatchObject({ permits: 3, queued: 0 });
      expect(seen.held).toBeLessThanOrEqual(3);
      for (const permit of [...order, ...held]) await permit.release();
      expect((await b.inspect()).held).toBe(0);
      await Promise.all([a.close(), b.close()]);
    });

    test("scripts that the server forgot", async () => {
      const [a, b] = both();
      const held = await a.permit(2);
      const waiting = b.permit();
      await queued(a, 1);
      await everywhere("script", "flush");
      await held.release();
      await (await waiting).release();
      await Promise.all([a.close(), b.close()]);
    });

    test("renewal, and what a server lost", async () => {
      const [a, b] = both({ lease: 2100 });
      const held = await a.permit(2);
      const waiting = b.permit();
      await queued(a, 1);
      const end = async (): Promise<number> => Date.now() + (await a.inspect()).holders[0]!.expiresIn;
      const before = await end();
      await until(async () => (await end()) > before + 300, "it is renewed");
      expect([held.context.aborted, (await a.inspect()).held]).toEqual([false, 2]);
      await everywhere("flushall");
      await until(() => held.context.aborted, "the holder is told");
      await (await waiting).release();
      await Promise.all([a.close(), b.close()]);
    });
  });
}
