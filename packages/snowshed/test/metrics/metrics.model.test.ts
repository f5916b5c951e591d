import fc from "fast-check";
import { expect, test } from "vitest";
import { fixed, Limiter } from "snowshed";
import { Metrics } from "snowshed/prometheus";
import { valuesOf } from "../support/metric-values.ts";

const names = ["a", "b", "c", "d"] as const;

type Step =
  | { readonly do: "add" | "remove" | "admit"; readonly piece: number }
  | { readonly do: "add as"; readonly piece: number; readonly name: string }
  | { readonly do: "collect" };

const piece = fc.nat({ max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("add" as const, "remove" as const, "admit" as const), piece }),
  fc.record({ do: fc.constant("add as" as const), piece, name: fc.constantFrom(...names) }),
  fc.constant({ do: "collect" as const }),
);

/** Counts as one would by hand: each admission once, for the label its limiter has when it is read next. */
class Model {
  readonly labels = new Map<number, { readonly given: string; readonly label: string }>();
  readonly totals = new Map<string, number>();
  readonly unread: number[] = [0, 0, 0, 0, 0, 0];
  readonly #most: number;
  readonly #seen = new Set<string>();

  constructor(most: number) {
    this.#most = most;
  }

  add(index: number, given: string): void {
    if (this.labels.has(index)) return;
    if (this.#seen.size < this.#most) this.#seen.add(given);
    this.labels.set(index, { given, label: this.#seen.has(given) ? given : "other" });
  }

  read(index: number): void {
    const { label } = this.labels.get(index)!;
    this.totals.set(label, (this.totals.get(label) ?? 0) + this.unread[index]!);
    this.unread[index] = 0;
  }
}

test("whatever is added, removed and read, each admission is counted once, and gauges are of those that are there", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, maxNames) => {
      const metrics = new Metrics({ maxNames });
      const model = new Model(maxNames);
      const own = (index: number): string => names[index % names.length]!;
      const pieces = model.unread.map((_, index) => new Limiter({ algorithm: fixed(1000), name: own(index) }));
      const check = (): void => {
        for (const index of model.labels.keys()) model.read(index);
        const values = Object.entries(valuesOf(metrics));
        const read = (metric: string): Map<string, number> =>
          new Map(
            values.flatMap(([key, value]) => (key.startsWith(metric) ? [[key.slice(metric.length), value]] : [])),
          );
        expect(read("limiter.admitted ")).toEqual(model.totals);
        const limits = new Map<string, number>();
        for (const { label } of model.labels.values()) limits.set(label, (limits.get(label) ?? 0) + 1000);
        expect(read("limiter.limit ")).toEqual(limits);
      };
      for (const each of steps) {
        if (each.do === "collect") check();
        else if (each.do === "add as") {
          const add = (): void => metrics.add(pieces[each.piece]!, { name: each.name });
          const before = model.labels.get(each.piece);
          if (before === undefined || before.given === each.name) expect(add).not.toThrow();
          else expect(add).toThrow(RangeError);
          model.add(each.piece, each.name);
        } else if (each.do === "admit") {
          pieces[each.piece]!.tryAcquire();
          model.unread[each.piece]!++;
        } else if (each.do === "add") {
          metrics.add(pieces[each.piece]!);
          model.add(each.piece, own(each.piece));
        } else {
          expect(metrics.remove(pieces[each.piece]!)).toBe(model.labels.has(each.piece));
          if (model.labels.has(each.piece)) model.read(each.piece);
          model.labels.delete(each.piece);
        }
      }
      check();
    }),
    { numRuns: 80 },
  );
});
