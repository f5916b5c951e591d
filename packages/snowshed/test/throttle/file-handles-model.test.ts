// What FileHandles promises, against a list that is searched from its beginning, and on a table of descriptors that
// others use, too.
import fc from "fast-check";
import type { CancelContext, Permit } from "snowshed";
import { CanceledError } from "snowshed";
import { FileHandles } from "snowshed/throttle";
import { expect, test } from "vitest";
import { clock, root, useFakeTime } from "../support/fake-time.ts";

useFakeTime();

interface Call {
  readonly weight: number;
  state: "waiting" | "held" | "ended";
}

/** Who holds what: the first in line goes when it fits, or when nothing is held. */
class NaiveHandles {
  readonly calls: Call[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  come(weight: number): Call {
    const call: Call = { weight, state: "waiting" };
    this.calls.push(call);
    this.serve();
    return call;
  }

  serve(): void {
    for (const call of this.calls) {
      if (call.state !== "waiting") continue;
      const held = this.calls.filter(({ state }) => state === "held").reduce((sum, each) => sum + each.weight, 0);
      if (held > 0 && held + call.weight > this.#limit) return;
      call.state = "held";
    }
  }
}

test("whoever comes, goes or gives up, the same hold handles as by a list", async () => {
  const action = fc.record({
    kind: fc.constantFrom("permit", "permit", "try", "release", "cancel"),
    weight: fc.integer({ min: 1, max: 5 }),
    which: fc.nat(20),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 50 }), async (actions) => {
      const handles = new FileHandles({ limit: 5, clock });
      const naive = new NaiveHandles(5);
      const permits = new Map<Call, Permit>();
      const contexts = new Map<Call, CancelContext>();
      for (const { kind, weight, which } of actions) {
        if (kind === "permit") {
          const call = naive.come(weight);
          const context = root.withCancel();
          contexts.set(call, context);
          const taking = handles.permit(weight, { signal: context });
          void taking.then((permit) => permits.set(call, permit)).catch(() => {});
        } else if (kind === "try") {
          const busy = naive.calls.some(({ state }) => state === "waiting");
          const permit = handles.tryPermit(weight);
          const call = busy ? undefined : naive.come(weight);
          if (call?.state === "waiting") naive.calls.splice(naive.calls.indexOf(call), 1);
          expect(permit !== undefined).toBe(call?.state === "held");
          if (permit !== undefined) permits.set(call!, permit);
        } else {
          const wanted = kind === "release" ? "held" : "waiting";
          const some = naive.calls.filter(({ state }) => state === wanted);
          const call = some[which % Math.max(1, some.length)];
          if (call === undefined) continue;
          if (kind === "release") permits.get(call)!.release();
          else contexts.get(call)!.cancel();
          permits.delete(call);
          call.state = "ended";
          naive.serve();
        }
        // oxlint-disable-next-line no-await-in-loop
        await clock.advance(0);
        expect(new Set(permits.keys())).toEqual(new Set(naive.calls.filter(({ state }) => state === "held")));
        expect(handles.inspect().queued).toBe(naive.calls.filter(({ state }) => state === "waiting").length);
      }
    }),
    { numRuns: 100 },
  );
});

/** The descriptors of a process: opening one beyond the last fails as open(2) does. */
class Table {
  readonly size: number;
  open = 0;
  /** How often there was none left. */
  failures = 0;

  constructor(size: number) {
    this.size = size;
  }

  take(): void {
    if (this.open === this.size) {
      this.failures++;
      throw Object.assign(new Error("EMFILE: too many open files, open 'a'"), { code: "EMFILE" });
    }
    this.open++;
  }
}

const scenario = fc.record({
  size: fc.integer({ min: 1, max: 8 }),
  limit: fc.integer({ min: 2, max: 30 }),
  calls: fc.array(
    fc.record({
      after: fc.nat(5),
      weight: fc.integer({ min: 1, max: 2 }),
      takes: fc.nat(60),
      cancelAfter: fc.option(fc.nat(100), { freq: 5, nil: undefined }),
    }),
    { minLength: 20, maxLength: 60, size: "max" },
  ),
  others: fc.array(fc.record({ at: fc.nat(500), takes: fc.integer({ min: 1, max: 300 }) }), {
    minLength: 5,
    maxLength: 20,
  }),
});

/** Opens as many as it weighs, one after the other; closes what it has opened, also when it fails. */
async function readFiles(table: Table, weight: number, takes: number): Promise<string> {
  let opened = 0;
  try {
    for (; opened < weight; opened++) {
      table.take();
      // oxlint-disable-next-line no-await-in-loop
      await root.sleep(1);
    }
    await root.sleep(takes);
    return "read";
  } finally {
    table.open -= opened;
  }
}

test(
  "no call is lost, whoever else takes the descriptors, and nothing is left of them",
  { timeout: 30_000 },
  async () => {
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ size, limit, calls, others }) => {
        // What weighs 2 must find 2 when it is alone.
        const table = new Table(size + 1);
        const handles = new FileHandles({ limit, clock });
        for (const { at, takes } of others) {
          clock.setTimeout(() => {
            if (table.open === table.size) return;
            table.open++;
            clock.setTimeout(() => table.open--, takes);
          }, at);
        }
        let held = 0;
        let most = 0;
        const ended: (string | undefined)[] = calls.map(() => undefined);
        for (const [index, { after, weight, takes, cancelAfter }] of calls.entries()) {
          const context = root.withCancel();
          const task = async (): Promise<string> => {
            most = Math.max(most, (held += weight));
            try {
              return await readFiles(table, weight, takes);
            } finally {
              held -= weight;
            }
          };
          const note = (how: string): void => {
            ended[index] = ended[index] === undefined ? how : "ended twice";
          };
          void handles.run(task, { weight, signal: context }).then(note, (error: unknown) => {
            note(error instanceof CanceledError && cancelAfter !== undefined ? "canceled" : String(error));
          });
          if (cancelAfter !== undefined) clock.setTimeout(() => context.cancel(), cancelAfter);
          // oxlint-disable-next-line no-await-in-loop
          await clock.advance(after);
        }
        await clock.advance("10m");
        for (const [index, { cancelAfter }] of calls.entries()) {
          expect(["read", ...(cancelAfter === undefined ? [] : ["canceled"])]).toContain(ended[index]);
        }
        expect(most).toBeLessThanOrEqual(limit);
        expect(table.open).toBe(0);
        expect(handles.inspect()).toMatchObject({ held: 0, queued: 0, retrying: 0, exhausted: table.failures });
        expect(handles.limit).toBeGreaterThanOrEqual(1);
        expect(clock.pending).toBe(0);
        failures += table.failures;
      }),
      { numRuns: 100 },
    );
    // The control: descriptors did run out.
    expect(failures).toBeGreaterThan(200);
  },
);
