// What a deduplication store does, wherever it keeps its marks: checked by counting effects.
import type { DeduplicationStore } from "snowshed/postgres";
import { beforeAll, describe, expect, test } from "vitest";

export interface DeduplicationScene<T> {
  /** A store as of another process. */
  readonly open: (name: string) => Promise<DeduplicationStore<T>>;
  /** The effect: counts one more for `key`. */
  readonly write: (transaction: T, key: string) => Promise<unknown>;
  /** How often each key had its effect. */
  readonly effects: () => Promise<ReadonlyMap<string, number>>;
  /** Whether an effect that rejects, or is given up, leaves nothing behind. */
  readonly undoes: boolean;
}

/** Keys that a database, a protocol or a hash could take for one another. */
const strangeKeys = [
  "a",
  " a",
  "A",
  "ä",
  "a\u0308",
  "%",
  "'; drop table effects; --",
  '"',
  "\\",
  "\\x00",
  "{}",
  "\u0000",
  "a\u0000",
  "\ud800",
  "\udfff",
  "\ufffd",
  "null",
  "NULL",
  "\n",
  "€".repeat(200),
  "€".repeat(201),
  "x".repeat(200),
  "x".repeat(100_000),
  "x".repeat(100_001),
  `sha256:${"0".repeat(64)}`,
];

export function deduplicationStoreConformance<T>(title: string, prepare: () => Promise<DeduplicationScene<T>>): void {
  describe(title, () => {
    let scene: DeduplicationScene<T>;
    let names = 0;
    beforeAll(async () => {
      scene = await prepare();
    }, 60_000);
    /** Views of one store, as several processes have them. */
    const views = (count: number): Promise<DeduplicationStore<T>[]> => {
      const name = `consumer ${names++} of 'all'`;
      return Promise.all(Array.from({ length: count }, () => scene.open(name)));
    };
    const countOf = async (key: string): Promise<number> => (await scene.effects()).get(key) ?? 0;
    const unique = (key: string): string => `${title} ${names}: ${key}`;

    test("an event has its effect once, whoever is asked, and its value is handed on", async () => {
      const [a, b] = await views(2);
      const event = { key: unique("once"), at: Date.now() };
      const effect = async (transaction: T): Promise<number> => {
        await scene.write(transaction, event.key);
        return 42;
      };
      expect(await a!.apply(event, effect)).toEqual({ status: "applied", value: 42 });
      expect(await a!.apply(event, effect)).toEqual({ status: "duplicate" });
      expect(await b!.apply(event, effect)).toEqual({ status: "duplicate" });
      expect(await countOf(event.key)).toBe(1);
    });

    test("the time, and the consumer, belong to the identity", async () => {
      const [a] = await views(1);
      const [other] = await views(1);
      const at = Date.now();
      const key = unique("time");
      for (const event of [{ key }, { key, at }, { key, at: at + 1 }]) {
        for (const store of [a!, other!]) {
          expect((await store.apply(event, (transaction) => scene.write(transaction, key))).status).toBe("applied");
          expect((await store.apply(event, (transaction) => scene.write(transaction, key))).status).toBe("duplicate");
        }
      }
      expect(await countOf(key)).toBe(6);
    });

    test("many at once, one effect for each event", async () => {
      const stores = await views(4);
      const at = Date.now();
      const keys = Array.from({ length: 25 }, (_, index) => unique(`many ${index}`));
      const calls = stores.flatMap((store) =>
        keys.map((key) => store.apply({ key, at }, (transaction) => scene.write(transaction, key))),
      );
      const outcomes = await Promise.all(calls);
      expect(outcomes.filter(({ status }) => status === "applied")).toHaveLength(25);
      const effects = await scene.effects();
      expect(keys.map((key) => effects.get(key))).toEqual(keys.map(() => 1));
    });

    test("who waits is told of a duplicate, or runs its own effect when the first one fails", async () => {
      const [a, b] = await views(2);
      for (const fails of [false, true]) {
        const event = { key: unique(`wait ${fails}`), at: Date.now() };
        const order: string[] = [];
        let go = (): void => {};
        const gate = new Promise<void>((resolve) => {
          go = resolve;
        });
        let begun = (): void => {};
        const hasBegun = new Promise<void>((resolve) => {
          begun = resolve;
        });
        const failure = new Error("no");
        const first = a!.apply(event, async (transaction) => {
          order.push("first");
          begun();
          await gate;
          if (fails) throw failure;
          await scene.write(transaction, event.key);
        });
        first.catch(() => {});
        await hasBegun;
        const second = b!.apply(event, async (transaction) => {
          order.push("second");
          await scene.write(transaction, event.key);
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect(order).toEqual(["first"]);
        go();
        if (fails) await expect(first).rejects.toBe(failure);
        else expect((await first).status).toBe("applied");
        expect((await second).status).toBe(fails ? "applied" : "duplicate");
        expect(await countOf(event.key)).toBe(1);
      }
    });

    test("an effect that rejects leaves no mark, and its error is that of the call", async () => {
      const [a] = await views(1);
      const event = { key: unique("fails"), at: Date.now() };
      const failure = new RangeError("no");
      const call = a!.apply(event, async (transaction) => {
        await scene.write(transaction, event.key);
        throw failure;
      });
      await expect(call).rejects.toBe(failure);
      const left = await countOf(event.key);
      expect(left).toBe(scene.undoes ? 0 : 1);
      expect((await a!.apply(event, (transaction) => scene.write(transaction, event.key))).status).toBe("applied");
      expect(await countOf(event.key)).toBe(left + 1);
    });

    test("an effect that ignores its signal is left alone, and nothing of it is applied", async () => {
      const [a] = await views(1);
      const event = { key: unique("hangs"), at: Date.now() };
      const controller = new AbortController();
      let begun = (): void => {};
      const hasBegun = new Promise<void>((resolve) => {
        begun = resolve;
      });
      let go = (): void => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      let late: unknown;
      let isAborted: (() => boolean) | undefined;
      const call = a!.apply(
        event,
        async (transaction, context) => {
          isAborted = () => context.aborted;
          begun();
          await gate;
          late = await scene.write(transaction, event.key).then(
            () => "written",
            () => "refused",
          );
        },
        { signal: controller.signal },
      );
      await hasBegun;
      expect(isAborted?.()).toBe(false);
      controller.abort();
      await expect(call).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
      expect(isAborted?.()).toBe(true);
      if (scene.undoes) go();
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (scene.undoes) expect([late, await countOf(event.key)]).toEqual(["refused", 0]);
      expect((await a!.apply(event, (transaction) => scene.write(transaction, event.key))).status).toBe("applied");
      expect(await countOf(event.key)).toBe(1);
      go();
    });

    test("one that is aborted already runs nothing", async () => {
      const [a] = await views(1);
      const event = { key: unique("aborted") };
      const call = a!.apply(event, () => expect.fail("it was run"), { signal: AbortSignal.abort() });
      await expect(call).rejects.toMatchObject({ code: "SNOWSHED_CANCELED" });
    });

    test("strange keys are taken, and told apart", async () => {
      const [a] = await views(1);
      const at = Date.now();
      const counted = new Map<string, number>();
      for (const round of [1, 2]) {
        for (const key of strangeKeys) {
          const { status } = await a!.apply({ key, at }, () => {
            counted.set(key, (counted.get(key) ?? 0) + 1);
          });
          expect([key.slice(0, 20), status]).toEqual([key.slice(0, 20), round === 1 ? "applied" : "duplicate"]);
        }
      }
      expect([...counted.values()]).toEqual(strangeKeys.map(() => 1));
    });

    test("times that a clock should not have are neither lost nor applied twice", async () => {
      const [a, b] = await views(2);
      const now = Date.now();
      const hour = 3_600_000;
      for (const at of [now + hour, now + 1000 * hour, now + 1e6 * hour, 8.64e15, now - hour]) {
        const key = unique(`time ${at}`);
        const outcomes = [];
        for (const store of [a!, b!]) {
          outcomes.push((await store.apply({ key, at }, (transaction) => scene.write(transaction, key))).status);
        }
        expect([...outcomes, await countOf(key)]).toEqual(["applied", "duplicate", 1]);
      }
      for (const at of [now - 24 * 30 * hour, 0, -1, -8.64e15]) {
        const call = a!.apply({ key: unique("old"), at }, () => expect.fail("it was run"));
        await expect(call).rejects.toMatchObject({ code: "SNOWSHED_EVENT_EXPIRED" });
      }
    });

    test("what is no event is refused before anything is done", async () => {
      const [a] = await views(1);
      const wrong = [null, 7, {}, { key: "" }, { key: 7 }, { key: "a", at: 1.5 }, { key: "a", at: Number.NaN }];
      wrong.push(
        { key: "a", at: 8.65e15 },
        { key: "a", at: "2026" as never },
        { key: "a", at: Number.POSITIVE_INFINITY },
      );
      for (const event of wrong) {
        const call = a!.apply(event as never, () => expect.fail("it was run"));
        await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
      }
      await expect(a!.apply({ key: "a" }, "write" as never)).rejects.toMatchObject({
        code: "SNOWSHED_INVALID_ARGUMENT",
      });
    });

    test("batches: what is fresh, once, all or nothing", async () => {
      const [a, b] = await views(2);
      if (a!.applyBatch === undefined || b!.applyBatch === undefined) return;
      const at = Date.now();
      const keys = ["0", "1", "2", "1", "3"].map((key) => unique(`batch ${key}`));
      const events = keys.map((key) => ({ key, at }));
      await a!.apply(events[2]!, (transaction) => scene.write(transaction, keys[2]!));
      const failure = new Error("no");
      const failing = b!.applyBatch(events, async (transaction, fresh) => {
        for (const place of fresh) await scene.write(transaction, keys[place]!);
        throw failure;
      });
      await expect(failing).rejects.toBe(failure);
      const seen: (readonly number[])[] = [];
      const write = async (transaction: T, fresh: readonly number[]): Promise<string> => {
        seen.push(fresh);
        for (const place of fresh) await scene.write(transaction, keys[place]!);
        return "done";
      };
      expect(await b!.applyBatch(events, write)).toEqual({ applied: [0, 1, 4], value: "done" });
      expect(await a!.applyBatch(events, write)).toEqual({ applied: [], value: undefined });
      expect(await a!.applyBatch([], write)).toEqual({ applied: [], value: undefined });
      expect(seen).toEqual([[0, 1, 4]]);
      const effects = await scene.effects();
      expect(keys.map((key) => effects.get(key))).toEqual([1, 1, 1, 1, 1]);
    });

    test("overlapping batches in any order, at once: one effect for each event", async () => {
      const stores = await views(4);
      if (stores[0]!.applyBatch === undefined) return;
      const at = Date.now();
      const keys = Array.from({ length: 40 }, (_, index) => unique(`overlap ${index}`));
      const batches = Array.from({ length: 12 }, (_, round) =>
        keys.map((_key, index) => keys[(index * 7 + round * 11) % keys.length]!).slice(0, 25),
      );
      await Promise.all(
        batches.map((batch, round) =>
          stores[round % stores.length]!.applyBatch!(
            batch.map((key) => ({ key, at })),
            async (transaction, fresh) => {
              for (const place of fresh) await scene.write(transaction, batch[place]!);
            },
          ),
        ),
      );
      const effects = await scene.effects();
      const wanted = new Set(batches.flat());
      expect([...wanted].map((key) => effects.get(key))).toEqual([...wanted].map(() => 1));
    });
  });
}
