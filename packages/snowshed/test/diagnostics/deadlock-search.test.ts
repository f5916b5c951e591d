// The search for deadlocks against trying everything, and what it says of the classical cases.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findKnots } from "../../src/diagnostics/wait-graph.ts";
import type { GraphResource, GraphTask, GraphWait, Knot } from "../../src/diagnostics/wait-graph.ts";
import type { ModelState, ModelStep, ModelTask } from "./deadlock-model.ts";
import { lend, Model } from "./deadlock-model.ts";

const search = (waits: readonly GraphWait[], tasks: readonly GraphTask[], before = 0): Knot[] => {
  const waitsOf = (task: GraphTask): number => waits.filter((wait) => wait.task === task).length;
  return findKnots(
    waits,
    tasks.filter(({ leaked }) => leaked),
    waitsOf,
    before,
  );
};

/** What the search finds in short: tasks, resources, and how many are behind. */
const found = (knots: readonly Knot[]): unknown[] =>
  knots.map(({ tasks, resources, behind }) => [
    tasks.map(({ id }) => id).toSorted((a, b) => a - b),
    resources.map(({ id }) => id).toSorted((a, b) => a - b),
    behind,
  ]);

describe("against trying everything", () => {
  const capacities = [2, 1, 3];
  const step = fc.record<ModelStep>({
    kind: fc.constantFrom("acquire", "acquire", "acquire", "release", "await"),
    semaphore: fc.nat({ max: 1 }),
    weight: fc.integer({ min: 1, max: 2 }),
    timeout: fc.nat({ max: 9 }).map((number) => number === 0),
  });
  const task = fc.record<ModelTask>({
    steps: fc.array(step, { minLength: 1, maxLength: 4 }),
    kind: fc.constantFrom("known", "known", "known", "known", "anonymous", "leaked"),
    group: fc.nat({ max: 1 }),
  });
  const scenario = fc.record({
    capacities: fc.tuple(fc.constantFrom(...capacities), fc.constantFrom(...capacities)),
    tasks: fc.array(task, { minLength: 2, maxLength: 4 }),
    order: fc.array(fc.nat({ max: 3 }), { minLength: 2, maxLength: 14 }),
  });

  /** A state that is reached by some order of steps; some tasks have leaked in it. */
  const reach = (model: Model, order: readonly number[]): ModelState => {
    let state = model.start();
    for (const number of order) {
      if (number < model.tasks.length) state = model.step(state, number) ?? state;
    }
    return state;
  };

  test("what is reported never goes on, and what never goes on is reported", { timeout: 60_000 }, () => {
    let deadlocks = 0;
    let victims = 0;
    fc.assert(
      fc.property(scenario, ({ capacities: sizes, tasks, order }) => {
        const model = new Model(sizes, tasks);
        const state = reach(model, order);
        const graph = model.graph(state);
        const frozen = new Set(graph.tasks.filter(({ leaked }) => leaked).map(({ id }) => id));
        const stuck = model.stuck(state, (id) => !frozen.has(id));
        const knots = search(graph.waits, graph.tasks);
        const reported = knots.flatMap((knot) => knot.tasks.map(({ id }) => id)).filter((id) => !frozen.has(id));
        // Soundness: the others may do anything, in any order.
        expect(stuck).toEqual(expect.arrayContaining(reported));
        const behind = knots.reduce((sum, knot) => sum + knot.behind, 0);
        // Of a stranger nobody knows that what it holds is in the hands of one who waits.
        if (tasks.every(({ kind }) => kind !== "anonymous")) expect(reported.length + behind).toBe(stuck.length);
        deadlocks += knots.length;
        victims += behind;
      }),
      { numRuns: 2500 },
    );
    // The control: the scenarios were about something.
    expect(deadlocks).toBeGreaterThan(100);
    expect(victims).toBeGreaterThan(10);
  });
});

/** A graph made by hand: `holds` and `waits` by the number of the resource, with the weight. */
interface Drawn {
  readonly holds?: Readonly<Record<number, number>>;
  readonly waits?: Readonly<Record<number, number>>;
  readonly leaked?: boolean;
  readonly scope?: number;
  readonly timeout?: boolean;
  readonly since?: number;
}

function draw(
  drawn: readonly Drawn[],
  capacities: Readonly<Record<number, number>>,
  kinds: Readonly<Record<number, GraphResource["kind"]>> = {},
): [waits: GraphWait[], tasks: GraphTask[]] {
  const resources = new Map(
    Object.entries(capacities).map(([key, capacity]) => {
      const id = Number(key);
      return [id, { id, kind: kinds[id] ?? "semaphore", capacity, holdings: { head: null } }];
    }),
  );
  const tasks = drawn.map(({ leaked = false, scope }, id) => {
    return { id, leaked, scope: scope === undefined ? null : resources.get(scope)! };
  });
  const waits: GraphWait[] = [];
  for (const [id, { holds = {}, waits: waitsOf = {}, timeout = false, since = 0 }] of drawn.entries()) {
    for (const [key, weight] of Object.entries(holds)) lend(resources.get(Number(key))!, tasks[id]!, weight);
    for (const [key, weight] of Object.entries(waitsOf)) {
      const resource = resources.get(Number(key))!;
      waits.push({ resource, weight, task: tasks[id]!, since, hasTimeoutOrSignal: timeout });
    }
  }
  return [waits, tasks];
}

describe("is a deadlock", () => {
  test.each<[what: string, ...Parameters<typeof draw>, unknown]>([
    [
      "two that hold what the other waits for",
      [
        { holds: { 1: 1 }, waits: { 2: 1 } },
        { holds: { 2: 1 }, waits: { 1: 1 } },
      ],
      { 1: 1, 2: 1 },
      {},
      [[[0, 1], [1, 2], 0]],
    ],
    ["one that waits for itself", [{ holds: { 1: 1 }, waits: { 1: 1 } }], { 1: 1 }, {}, [[[0], [1], 0]]],
    [
      "a ring of three, of which only those who wait behind it are not part",
      [
        { holds: { 1: 2 }, waits: { 2: 1 } },
        { holds: { 2: 1 }, waits: { 3: 3 } },
        { holds: { 3: 1 }, waits: { 1: 1 } },
        { waits: { 1: 1 } },
        { waits: { 3: 1 } },
      ],
      { 1: 2, 2: 1, 3: 3 },
      {},
      [[[0, 1, 2], [1, 2, 3], 2]],
    ],
    [
      "one that waits in line behind another, who waits for it",
      // Who comes last would fit, but nobody overtakes.
      [{ holds: { 1: 1 }, waits: { 2: 1 } }, { waits: { 1: 2 } }, { holds: { 2: 1 }, waits: { 1: 1 } }],
      { 1: 2, 2: 1 },
      {},
      [[[0, 1, 2], [1, 2], 0]],
    ],
    [
      "a holder that waits for its group, whose task waits for what it holds",
      [{ holds: { 1: 1 }, waits: { 9: 1 } }, { waits: { 1: 1 }, scope: 9 }, { scope: 9 }],
      { 1: 1, 9: Number.POSITIVE_INFINITY },
      { 9: "group" },
      [[[0, 1], [1, 9], 0]],
    ],
    [
      "a leaked task that holds, and who waits for it",
      [{ holds: { 1: 1 }, leaked: true }, { waits: { 1: 1 } }, { waits: { 1: 1 } }],
      { 1: 1 },
      {},
      [[[0, 1], [1], 1]],
    ],
    [
      "a group whose task has leaked",
      [{ scope: 9, leaked: true }, { waits: { 9: 1 } }],
      { 9: Number.POSITIVE_INFINITY },
      { 9: "wait-group" },
      [[[0, 1], [9], 0]],
    ],
    [
      "two of them, each by itself",
      [
        { holds: { 1: 1 }, waits: { 1: 1 } },
        { holds: { 2: 1 }, waits: { 2: 1 } },
      ],
      { 1: 1, 2: 1 },
      { 2: "pool" },
      [
        [[0], [1], 0],
        [[1], [2], 0],
      ],
    ],
  ])("%s", (_what, drawn, capacities, kinds, expected) => {
    expect(found(search(...draw(drawn, capacities, kinds))).toSorted()).toEqual(expected);
  });
});

describe("is none", () => {
  const ring = (changed: Drawn): Drawn[] => [
    { holds: { 1: 1 }, waits: { 2: 1 }, ...changed },
    { holds: { 2: 1 }, waits: { 1: 1 } },
  ];
  test.each<[what: string, ...Parameters<typeof draw>]>([
    ["when one of the waits ends by itself", ring({ timeout: true }), { 1: 1, 2: 1 }],
    ["when one of the waits is young", ring({ since: 1 }), { 1: 1, 2: 1 }],
    ["when there is one more than they hold", ring({}), { 1: 1, 2: 2 }],
    ["when one of them waits for something else, too", ring({ waits: { 2: 1, 3: 1 } }), { 1: 1, 2: 1, 3: 1 }],
    [
      "when one of them waits for a message, too",
      ring({ waits: { 2: 1, 3: 1, 4: 1 } }),
      { 1: 1, 2: 1, 3: 0, 4: 0 },
      { 3: "channel", 4: "channel" },
    ],
    [
      "when who asks for more than there is stands aside",
      [{ holds: { 1: 1 }, waits: { 2: 1 } }, { waits: { 1: 5 } }, { holds: { 2: 1 }, waits: { 1: 1 } }],
      { 1: 2, 2: 1 },
    ],
    [
      "when one more holder waits for somebody who is at work",
      [
        { holds: { 2: 1 }, waits: { 1: 1 } },
        { holds: { 3: 1 }, waits: { 2: 1 } },
        { holds: { 2: 1 }, waits: { 3: 1 } },
        { holds: { 1: 1 } },
      ],
      { 1: 1, 2: 2, 3: 1 },
    ],
    ["when somebody may send", ring({ waits: { 3: 1 } }), { 1: 1, 2: 1, 3: 0 }, { 3: "channel" }],
    ["when time brings more", ring({}), { 1: 1, 2: 1 }, { 2: "quota" }],
    ["when only resize() can help", [{ waits: { 1: 1 } }], { 1: 0 }],
    ["when the one who holds does not wait", [{ holds: { 1: 1 } }, { waits: { 1: 1 } }], { 1: 1 }],
    ["when a group still has tasks that run", [{ scope: 9 }, { waits: { 9: 1 } }], { 9: 1 }, { 9: "group" }],
    [
      "when the light one may pass the heavy one",
      [{ holds: { 1: 1 }, waits: { 2: 1 } }, { waits: { 1: 2 } }, { holds: { 2: 1 }, waits: { 1: 1 } }],
      { 1: 2, 2: 1 },
      { 1: "file-handles" },
    ],
  ])("%s", (_what, drawn, capacities, kinds) => {
    expect(found(search(...draw(drawn, capacities, kinds)))).toEqual([]);
  });

  test("the control: without the change it is one", () => {
    expect(found(search(...draw(ring({}), { 1: 1, 2: 1 })))).toEqual([[[0, 1], [1, 2], 0]]);
  });
});

test("a chain of waits may be longer than the call stack", { timeout: 60_000 }, () => {
  const length = 50_000;
  const drawn = Array.from({ length }, (_, id): Drawn => ({ holds: { [id]: 1 }, waits: { [(id + 1) % length]: 1 } }));
  const capacities = Object.fromEntries(drawn.map((_, id) => [id, 1]));
  const [waits, tasks] = draw(drawn, capacities);
  const knots = findKnots(waits, [], () => 1, 0);
  expect(knots.map((knot) => [knot.tasks.length, knot.resources.length])).toEqual([[length, length]]);
  expect(tasks).toHaveLength(length);
});
