import fc from "fast-check";
import { expect, test } from "vitest";
import type { TakenOffset } from "../../src/delivery/contiguous-offsets.ts";
import { ContiguousOffsets } from "../../src/delivery/contiguous-offsets.ts";

test("before anything was taken there is no position", () => {
  const offsets = new ContiguousOffsets();
  expect([offsets.position, offsets.pending]).toEqual([undefined, 0]);
});

test("what is done behind a gap counts when the gap is closed", () => {
  const offsets = new ContiguousOffsets();
  const taken = [5n, 6n, 9n].map((offset) => offsets.take(offset)!);
  offsets.done(taken[2]!);
  offsets.done(taken[1]!);
  expect([offsets.position, offsets.pending]).toEqual([5n, 3]);
  offsets.done(taken[0]!);
  expect([offsets.position, offsets.pending]).toEqual([10n, 0]);
  expect(offsets.take(9n)).toBeUndefined();
  expect(offsets.take(7n)).toBeUndefined();
  expect(offsets.take(20n)).toBeDefined();
  expect(offsets.position).toBe(20n);
});

test("offset 0 is an offset like any other", () => {
  const offsets = new ContiguousOffsets();
  offsets.done(offsets.take(0n)!);
  expect(offsets.position).toBe(1n);
});

test("where there is nothing to take the position passes over it, and never back", () => {
  const offsets = new ContiguousOffsets();
  offsets.passTo(3n);
  expect(offsets.position).toBe(3n);
  expect(offsets.take(2n)).toBeUndefined();
  const taken = offsets.take(4n)!;
  offsets.passTo(9n);
  expect([offsets.position, offsets.pending]).toEqual([4n, 1]);
  offsets.passTo(5n);
  offsets.done(taken);
  expect([offsets.position, offsets.pending]).toEqual([9n, 0]);
});

test("the same as a list that is searched from its beginning each time, whatever the order", () => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: -2, max: 5 }) }),
    fc.record({ done: fc.nat({ max: 1_000_000 }) }),
    fc.record({ pass: fc.integer({ min: -2, max: 5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const offsets = new ContiguousOffsets();
      const model: { readonly taken: TakenOffset; done: boolean }[] = [];
      let last = -1n;
      let isBegun = false;
      for (const each of steps) {
        if ("take" in each) {
          const offset = last + BigInt(each.take);
          const taken = offset < 0n ? undefined : offsets.take(offset);
          expect(taken === undefined).toBe(offset < 0n || (isBegun && offset <= last));
          if (taken === undefined) continue;
          last = offset;
          isBegun = true;
          model.push({ taken, done: false });
        } else if ("pass" in each) {
          const offset = last + 1n + BigInt(each.pass);
          if (offset < 0n) continue;
          offsets.passTo(offset);
          if (!isBegun || offset - 1n > last) last = offset - 1n;
          isBegun = true;
        } else {
          const open = model.filter(({ done }) => !done);
          const chosen = open[each.done % Math.max(1, open.length)];
          if (chosen === undefined) continue;
          chosen.done = true;
          offsets.done(chosen.taken);
        }
        const first = model.findIndex(({ done }) => !done);
        const expected = first === -1 ? (isBegun ? last + 1n : undefined) : model[first]!.taken.offset;
        expect(offsets.position).toBe(expected);
        expect(offsets.pending).toBe(first === -1 ? 0 : model.length - first);
      }
    }),
  );
});

test("a hundred thousand offsets cost no more than each of them", () => {
  const offsets = new ContiguousOffsets();
  const first = offsets.take(0n)!;
  for (let offset = 1n; offset < 50_000n; offset++) offsets.done(offsets.take(offset)!);
  expect(offsets.position).toBe(0n);
  offsets.done(first);
  expect(offsets.position).toBe(50_000n);
  for (let offset = 50_000n; offset < 100_000n; offset++) offsets.done(offsets.take(offset)!);
  expect([offsets.position, offsets.pending]).toEqual([100_000n, 0]);
});
