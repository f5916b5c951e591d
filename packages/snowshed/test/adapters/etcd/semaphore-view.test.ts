// The fold of keys into who holds and who waits, against a model that looks at all keys each time: for any history, cut
// anywhere into events, repeated events and snapshots.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KeyValue, WatchEvent } from "../../../src/adapters/etcd/etcd-messages.ts";
import { SemaphoreView } from "../../../src/adapters/etcd/semaphore-view.ts";

const prefix = "p/x/";

/** A store of keys with revisions, as etcd is one. */
class Store {
  revision = 1n;
  readonly keys = new Map<string, KeyValue>();
  readonly events: WatchEvent[] = [];

  /** One transaction: all that it changes has the same revision. */
  change(changes: readonly (readonly [string, string | null])[]): void {
    const there = changes.filter(([key, value]) => value !== null || this.keys.has(key));
    if (there.length === 0) return;
    this.revision++;
    const modRevision = this.revision;
    for (const [key, value] of there) {
      const createRevision = this.keys.get(key)?.createRevision ?? modRevision;
      const kv = { key, value: value ?? "", lease: 5n, createRevision, modRevision };
      if (value === null) this.keys.delete(key);
      else this.keys.set(key, kv);
      this.events.push(value === null ? { type: 1, kv: { ...kv, createRevision: 0n, lease: 0n } } : { type: 0, kv });
    }
  }

  snapshot(): readonly KeyValue[] {
    return [...this.keys.values()].toSorted((a, b) => Number(a.createRevision - b.createRevision));
  }
}

interface Expected {
  readonly total: number;
  readonly permits: number;
  readonly places: readonly { readonly id: string; readonly weight: number; readonly revision: bigint }[];
  readonly slots: ReadonlyMap<number, string>;
}

/** The holder rule, written down as it is said. */
function expectedOf(store: Store): Expected {
  const places = [...store.keys.values()]
    .filter(({ key }) => key.startsWith(`${prefix}w/`))
    .map(({ key, value, createRevision }) => ({
      id: key.slice(prefix.length + 2),
      weight: (JSON.parse(value) as { readonly weight: number }).weight,
      revision: createRevision,
    }))
    .toSorted((a, b) => Number(a.revision - b.revision));
  const slots = new Map(
    [...store.keys.values()]
      .filter(({ key }) => key.startsWith(`${prefix}s/`))
      .map(({ key, value }) => [Number(key.slice(prefix.length + 2)), value] as const),
  );
  const permits = store.keys.get(`${prefix}permits`);
  return {
    total: places.reduce((sum, { weight }) => sum + weight, 0),
    permits: permits === undefined ? 0 : (JSON.parse(permits.value) as { readonly permits: number }).permits,
    places,
    slots,
  };
}

function turnsOf({ permits, places, slots }: Expected): { readonly id: string; readonly weight: number }[] {
  const holders = new Set(slots.values());
  return places.filter((place) => {
    const before = places.filter(({ revision }) => revision < place.revision);
    const sum = before.reduce((all, { weight }) => all + weight, place.weight);
    return sum <= permits && !holders.has(place.id);
  });
}

type Step =
  | { readonly do: "come"; readonly weight: number; readonly at: number }
  | { readonly do: "leave" | "claim"; readonly which: number }
  | { readonly do: "resize"; readonly permits: number }
  | { readonly do: "read" | "watch" | "repeat" | "foreign" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("come" as const), weight: fc.integer({ min: 1, max: 4 }), at: fc.nat() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("leave" as const, "claim" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("resize" as const), permits: fc.nat(6) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("read" as const, "watch" as const, "repeat" as const, "foreign" as const),
    }),
  },
);

const put = (id: string, weight: number, granted?: number): [string, string] => [
  `${prefix}w/${id}`,
  JSON.stringify({ weight, owner: "me", since: 1, granted }),
];

describe("the fold", () => {
  test("is what all keys together say, whatever it was told and in which pieces", () => {
    let [turnsSeen, heldSeen, fullSeen] = [0, 0, 0];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(5), (steps, permits) => {
        const store = new Store();
        const view = new SemaphoreView(prefix);
        let told = 0;
        let number = 0;
        store.change([[`${prefix}permits`, JSON.stringify({ permits, version: 0 })]]);
        for (const each of [...steps, { do: "watch" } as const]) {
          const now = expectedOf(store);
          if (each.do === "come") store.change([put(`l-${number++}`, each.weight)]);
          else if (each.do === "resize") {
            store.change([[`${prefix}permits`, JSON.stringify({ permits: each.permits, version: 1 })]]);
          } else if (each.do === "leave" && now.places.length > 0) {
            const { id } = now.places[each.which % now.places.length]!;
            const own = [...now.slots].filter(([, holder]) => holder === id);
            store.change([
              [`${prefix}w/${id}`, null],
              ...own.map(([slot]): [string, null] => [`${prefix}s/${slot}`, null]),
            ]);
          } else if (each.do === "claim") {
            // As a process does it that knows everything: with the slots the view gives it.
            view.apply(store.events.slice(told));
            told = store.events.length;
            const turns = view.turns();
            const turn = turns[each.which % Math.max(1, turns.length)];
            if (turn === undefined) continue;
            const { place, slots } = turn;
            store.change([
              put(place.id, place.weight, 2),
              ...slots.map((slot): [string, string] => [`${prefix}s/${slot}`, place.id]),
            ]);
          } else if (each.do === "foreign") {
            store.change([
              [`${prefix}s/none`, "x"],
              [`${prefix}w`, "y"],
              [`${prefix}z/1`, "z"],
            ]);
          } else if (each.do === "repeat") view.apply(store.events.slice(Math.max(0, told - 5), told));
          else if (each.do === "watch") {
            view.apply(store.events.slice(told));
            told = store.events.length;
          } else if (each.do === "read") {
            // The watch goes on from where it was: what comes then is known.
            expect(view.adopt(store.snapshot(), store.revision)).toBe(true);
          }
        }
        const expected = expectedOf(store);
        const holders = new Set(expected.slots.values());
        expect([...view.places.keys()]).toEqual(expected.places.map(({ id }) => id));
        expect(view.permits?.permits).toBe(expected.permits);
        for (const { id } of expected.places) {
          const own = [...expected.slots].filter(([, holder]) => holder === id).map(([slot]) => slot);
          expect(view.fences(id).map(({ slot }) => slot)).toEqual(own.toSorted((a, b) => a - b));
          for (const { slot, token } of view.fences(id)) {
            expect(token).toBe(store.keys.get(`${prefix}s/${slot}`)?.createRevision);
          }
        }
        const turns = view.turns();
        const rule = turnsOf(expected);
        // Slots above the permits are still held where those were made fewer: then fewer are free than the rule says.
        expect(rule.map(({ id }) => id).slice(0, turns.length)).toEqual(turns.map(({ place }) => place.id));
        const isShrunk = [...expected.slots.keys()].some((slot) => slot >= expected.permits);
        if (!isShrunk) expect(turns.length).toBe(rule.length);
        const given = turns.flatMap(({ slots }) => slots);
        expect(new Set(given).size).toBe(given.length);
        for (const { place, slots } of turns) {
          expect(slots.length).toBe(place.weight);
          for (const slot of slots) expect([expected.slots.has(slot), slot < expected.permits]).toEqual([false, true]);
        }
        const newcomer = view.slotsFor(2);
        if (expected.total + 2 > expected.permits) expect(newcomer).toBeNull();
        else if (!isShrunk)
          expect(newcomer?.some((slot) => given.includes(slot) || expected.slots.has(slot))).toBe(false);
        // Never more than there are, whatever has happened.
        if (holders.size > 0) heldSeen++;
        if (turns.length > 0) turnsSeen++;
        if (newcomer === null) fullSeen++;
      }),
      { numRuns: 500 },
    );
    // It could not have passed by doing nothing.
    expect([turnsSeen > 50, heldSeen > 50, fullSeen > 50]).toEqual([true, true, true]);
  });

  test("a snapshot that is older than what it knows changes nothing", () => {
    const store = new Store();
    const view = new SemaphoreView(prefix);
    const old = store.snapshot();
    store.change([put("l-1", 1)]);
    view.apply(store.events);
    expect(view.adopt(old, 1n)).toBe(false);
    expect([...view.places.keys()]).toEqual(["l-1"]);
  });

  test("of events it gives what they put and took away, and of those it knows nothing", () => {
    const store = new Store();
    const view = new SemaphoreView(prefix);
    store.change([put("l-1", 1)]);
    store.change([put("l-2", 1)]);
    store.change([[`${prefix}w/l-1`, null]]);
    expect(view.apply(store.events)).toEqual({ put: ["l-1", "l-2"], gone: ["l-1"] });
    expect(view.apply(store.events)).toEqual({ put: [], gone: [] });
  });

  test.each(["", "x", "[]", "null", '{"weight":0}', '{"weight":-1}', '{"weight":1.5}', '{"weight":"1"}'])(
    "a place whose value is %j is not counted",
    (value) => {
      const store = new Store();
      const view = new SemaphoreView(prefix);
      store.change([
        [`${prefix}permits`, '{"permits":1,"version":0}'],
        [`${prefix}w/odd`, value],
      ]);
      view.apply(store.events);
      expect([view.places.size, view.slotsFor(1)]).toEqual([0, [0]]);
    },
  );

  test.each(["", "7", '{"permits":-1,"version":0}', '{"permits":1}'])("permits that are %j are none", (value) => {
    const store = new Store();
    const view = new SemaphoreView(prefix);
    store.change([[`${prefix}permits`, value], put("l-1", 1)]);
    view.apply(store.events);
    expect([view.permits, view.turns(), view.slotsFor(1)]).toEqual([undefined, [], null]);
    expect(view.permitsRevision).toBe(store.revision);
  });
});
