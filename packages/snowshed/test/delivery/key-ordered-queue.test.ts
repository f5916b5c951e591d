import fc from "fast-check";
import { expect, test } from "vitest";
import type { Turn } from "../../src/delivery/key-ordered-queue.ts";
import { KeyOrderedQueue } from "../../src/delivery/key-ordered-queue.ts";

test("one turn of a key at a time, other keys beside it, without a key no order", () => {
  const queue = new KeyOrderedQueue<string>();
  for (const item of ["a1", "a2", "b1"]) queue.add(item[0], item);
  queue.add(undefined, "x");
  queue.add(undefined, "y");
  const first = queue.take()!;
  expect(first.items).toEqual(["a1"]);
  expect([queue.take()?.items, queue.take()?.items, queue.take()?.items]).toEqual([["b1"], ["x"], ["y"]]);
  expect([queue.take(), queue.size, queue.hasReady]).toEqual([undefined, 1, false]);
  queue.finish(first);
  expect([queue.hasReady, queue.take()?.items]).toEqual([true, ["a2"]]);
});

test("what is not done comes again before what came later", () => {
  const queue = new KeyOrderedQueue<number>();
  for (const item of [1, 2, 3, 4]) queue.add("a", item);
  const turn = queue.take(3)!;
  expect(turn.items).toEqual([1, 2, 3]);
  queue.finish(turn, [2, 3]);
  expect(queue.size).toBe(3);
  expect(queue.take(10)?.items).toEqual([2, 3, 4]);
});

test("an item that must be alone has its turn alone, first or not", () => {
  const queue = new KeyOrderedQueue<number>();
  for (const item of [1, 2, -3, 4, -5]) queue.add("a", item);
  const isAlone = (item: number): boolean => item < 0;
  const turns: (readonly number[])[] = [];
  for (let turn = queue.take(10, isAlone); turn !== undefined; turn = queue.take(10, isAlone)) {
    turns.push(turn.items);
    queue.finish(turn);
  }
  expect(turns).toEqual([[1, 2], [-3], [4], [-5]]);
});

test("the same as a list from which the first item of a free key is taken", () => {
  const key = fc.constantFrom("a", "b", "c", undefined);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: key }) },
    { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 3, arbitrary: fc.record({ finish: fc.nat({ max: 1000 }), undone: fc.nat({ max: 4 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new KeyOrderedQueue<number>();
      // Of each key the items that are not done, in their order; every item without a key is a key of its own.
      const model = new Map<string, number[]>();
      const turns: { readonly own: string; readonly turn: Turn<number>; readonly items: readonly number[] }[] = [];
      const keyOf = new Map<number, string>();
      let next = 0;
      for (const each of steps) {
        if ("add" in each) {
          const item = next++;
          const own = each.add ?? `alone-${item}`;
          keyOf.set(item, own);
          model.set(own, [...(model.get(own) ?? []), item]);
          queue.add(each.add, item);
        } else if ("take" in each) {
          const busy = new Set(turns.map(({ own }) => own));
          const free = [...model].filter(([own, items]) => items.length > 0 && !busy.has(own));
          const turn = queue.take(each.take);
          expect(turn === undefined).toBe(free.length === 0);
          if (turn === undefined) continue;
          const own = keyOf.get(turn.items[0]!)!;
          expect(busy.has(own)).toBe(false);
          expect(turn.items).toEqual(model.get(own)!.slice(0, each.take));
          turns.push({ own, turn, items: [...turn.items] });
        } else if (turns.length > 0) {
          const [{ own, turn, items }] = turns.splice(each.finish % turns.length, 1) as [(typeof turns)[number]];
          const undone = items.slice(Math.max(0, items.length - each.undone));
          model.set(own, [...undone, ...model.get(own)!.slice(items.length)]);
          queue.finish(turn, undone);
        }
        const all = [...model.values()].reduce((sum, items) => sum + items.length, 0);
        expect(queue.size).toBe(all - turns.reduce((sum, { items }) => sum + items.length, 0));
      }
    }),
  );
});

test("no key waits for ever: whose turn it is next has waited longest", () => {
  const queue = new KeyOrderedQueue<string>();
  for (let index = 0; index < 3000; index++) queue.add("busy", "busy");
  queue.add("late", "late");
  const first = queue.take()!;
  queue.finish(first);
  expect(queue.take()?.items).toEqual(["late"]);
  for (let index = 1; index < 3000; index++) queue.finish(queue.take()!);
  expect([queue.size, queue.hasReady]).toEqual([0, false]);
});
