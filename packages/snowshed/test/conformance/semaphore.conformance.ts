// What a semaphore does, be it of one process, on Redis or in etcd: the same program for all of them.
import { Context } from "snowshed";
import { describe, expect, test } from "vitest";

interface Held {
  release(): void | Promise<void>;
}

interface AcquireOptions {
  readonly signal?: AbortSignal | Context;
  readonly timeout?: number;
}

/** What they have in common. */
interface AnySemaphore {
  permit(weight?: number, options?: AcquireOptions): Promise<Held>;
  run<T>(task: () => T | PromiseLike<T>, options?: AcquireOptions & { readonly weight?: number }): Promise<T>;
  resize(permits: number): void | Promise<void>;
}

/** Several views of one semaphore, as several processes have them, and how many wait for it. */
export interface SemaphoreScene {
  readonly views: readonly AnySemaphore[];
  readonly tryPermit: (view: number, weight?: number) => Promise<Held | undefined>;
  readonly waiting: () => Promise<number> | number;
}

export function semaphoreConformance(title: string, open: (permits: number) => Promise<SemaphoreScene>): void {
  describe(title, () => {
    /** Calls made one after the other, each in the queue before the next one is made. */
    async function queued<T>(scene: SemaphoreScene, calls: readonly (() => Promise<T>)[]): Promise<Promise<T>[]> {
      const made: Promise<T>[] = [];
      for (const call of calls) {
        const promise = call();
        promise.catch(() => {});
        made.push(promise);
        await expect.poll(scene.waiting, { timeout: 60_000 }).toBe(made.length);
      }
      return made;
    }

    test("no more than `permits` run at a time, and as many as that", async () => {
      const { views } = await open(3);
      let running = 0;
      let most = 0;
      const task = async (): Promise<void> => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
      };
      await Promise.all(Array.from({ length: 24 }, (_, index) => views[index % views.length]!.run(task)));
      expect([most, running]).toEqual([3, 0]);
    });

    test("first come, first served, across all views", async () => {
      const scene = await open(1);
      const { views } = scene;
      const held = await views[0]!.permit();
      const served: number[] = [];
      const calls = Array.from({ length: 6 }, (_, index) => async () => {
        const permit = await views[index % views.length]!.permit();
        served.push(index);
        await permit.release();
      });
      const all = await queued(scene, calls);
      await held.release();
      await Promise.all(all);
      expect(served).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("a heavy one is not overtaken by lighter ones that came later", async () => {
      const scene = await open(3);
      const [first] = scene.views;
      const last = scene.views.at(-1)!;
      const one = await first!.permit();
      const other = await first!.permit(2);
      const served: string[] = [];
      const [heavy, light] = await queued(scene, [
        async () => {
          const permit = await last.permit(3);
          served.push("heavy");
          return permit;
        },
        async () => {
          const permit = await first!.permit();
          served.push("light");
          return permit;
        },
      ]);
      await one.release();
      expect(await scene.tryPermit(0)).toBeUndefined();
      expect(served).toEqual([]);
      await other.release();
      await (await heavy!).release();
      await (await light!).release();
      expect(served).toEqual(["heavy", "light"]);
    });

    test("tryPermit() never waits: all or nothing, and nothing while somebody waits", async () => {
      const scene = await open(2);
      const held = await scene.tryPermit(0, 1);
      expect(held).toBeDefined();
      expect(await scene.tryPermit(0, 2)).toBeUndefined();
      const [heavy] = await queued(scene, [() => scene.views.at(-1)!.permit(2)]);
      expect(await scene.tryPermit(0, 1)).toBeUndefined();
      await held!.release();
      await (await heavy!).release();
      const again = await scene.tryPermit(0, 2);
      expect(again).toBeDefined();
      await again!.release();
    });

    test("a wait that is canceled, or takes too long, takes nothing and holds nobody up", async () => {
      const scene = await open(1);
      const { views } = scene;
      const held = await views[0]!.permit();
      const context = Context.background.withCancel();
      const canceled = views[0]!.permit(1, { signal: context });
      canceled.catch(() => {});
      await expect.poll(scene.waiting, { timeout: 60_000 }).toBe(1);
      const late = views.at(-1)!.permit(1, { timeout: 100 });
      const next = views[0]!.permit();
      next.catch(() => {});
      await expect(late).rejects.toMatchObject({ name: "TimeoutError", code: "SNOWSHED_DEADLINE_EXCEEDED" });
      context.cancel("changed my mind");
      await expect(canceled).rejects.toMatchObject({ name: "AbortError", code: "SNOWSHED_CANCELED" });
      await held.release();
      await (await next).release();
      await expect.poll(scene.waiting, { timeout: 60_000 }).toBe(0);
      const all = await scene.tryPermit(0);
      expect(all).toBeDefined();
      await all!.release();
    });

    test("a signal that has aborted already refuses, also when there is room", async () => {
      const scene = await open(1);
      await expect(scene.views[0]!.permit(1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        name: "AbortError",
      });
      const permit = await scene.tryPermit(0);
      expect(permit).toBeDefined();
      await permit!.release();
    });

    test("a release counts once", async () => {
      const scene = await open(2);
      const [one, other] = [await scene.views[0]!.permit(), await scene.views[0]!.permit()];
      await one.release();
      await one.release();
      expect(await scene.tryPermit(0, 2)).toBeUndefined();
      await other.release();
      const both = await scene.tryPermit(0, 2);
      expect(both).toBeDefined();
      await both!.release();
    });

    test("what a task returns or throws is what run() does, and its permit is given back either way", async () => {
      const scene = await open(1);
      expect(await scene.views[0]!.run(() => 42)).toBe(42);
      const failure = new Error("of the task");
      await expect(scene.views[0]!.run(() => Promise.reject(failure))).rejects.toBe(failure);
      const permit = await scene.tryPermit(0);
      expect(permit).toBeDefined();
      await permit!.release();
    });

    test("growing admits who waits; shrinking takes nothing from who holds", async () => {
      const scene = await open(1);
      const { views } = scene;
      const held = await views[0]!.permit();
      const [second, third] = await queued(scene, [() => views.at(-1)!.permit(), () => views[0]!.permit()]);
      await views[0]!.resize(2);
      const admitted = await second!;
      expect(await scene.waiting()).toBe(1);
      await views[0]!.resize(1);
      await held.release();
      expect(await scene.tryPermit(0)).toBeUndefined();
      expect(await scene.waiting()).toBe(1);
      await admitted.release();
      await (await third!).release();
    });

    test("who asks for more than there are is refused, and so is who waits when there are no longer so many", async () => {
      const scene = await open(2);
      const { views } = scene;
      await expect(views[0]!.permit(3)).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
      const held = await views[0]!.permit();
      const [heavy] = await queued(scene, [() => views[0]!.permit(2)]);
      await views[0]!.resize(1);
      await expect(heavy!).rejects.toMatchObject({ code: "SNOWSHED_NEVER_FITS" });
      await held.release();
    });

    test.each([-1, 1.5, Number.NaN, 2 ** 53, "2" as unknown as number])(
      "a weight of %s is an error, and changes nothing",
      async (weight) => {
        const scene = await open(1);
        await expect(async () => scene.views[0]!.permit(weight)).rejects.toMatchObject({
          code: "SNOWSHED_INVALID_ARGUMENT",
        });
        const permit = await scene.tryPermit(0);
        expect(permit).toBeDefined();
        await permit!.release();
      },
    );
  });
}
