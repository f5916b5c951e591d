import { AsyncLocalStorage } from "node:async_hooks";
import { systemClock } from "snowshed";
import { DispatchQueue } from "snowshed/http";
import { expect, test } from "vitest";
import { DispatchJob } from "../../../src/adapters/http/dispatch-queue.ts";

/** Handlers that compute move it on in the middle of what they do. */
const clock = { ...systemClock, time: 0, now: () => clock.time };

class Job extends DispatchJob {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  override start(): void {
    this.#run();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("runs nothing where it is pushed, and everything in order", async () => {
  const queue = new DispatchQueue({ clock });
  const ran: number[] = [];
  for (let index = 0; index < 3; index++) queue.push(new Job(() => ran.push(index)));
  await Promise.resolve();
  expect([ran, queue.size]).toEqual([[], 3]);
  await turn();
  expect([ran, queue.size]).toEqual([[0, 1, 2], 0]);
});

test("lets the loop have its turn after a slice", async () => {
  const queue = new DispatchQueue({ clock, slice: "5ms" });
  let ran = 0;
  for (let index = 0; index < 5; index++) {
    queue.push(
      new Job(() => {
        ran++;
        clock.time += 2;
      }),
    );
  }
  await turn();
  // 2, 4, and 6 ms: the slice is over.
  expect(ran).toBe(3);
  await turn();
  expect(ran).toBe(5);
});

test("a slice of 0 runs one at a time", async () => {
  const queue = new DispatchQueue({ clock, slice: 0 });
  let ran = 0;
  for (let index = 0; index < 3; index++) queue.push(new Job(() => ran++));
  for (const expected of [1, 2, 3]) {
    await turn();
    expect(ran).toBe(expected);
  }
});

test("passes over what is of no use any more", async () => {
  const queue = new DispatchQueue({ clock });
  let ran = 0;
  const gone = new Job(() => ran++);
  queue.push(gone);
  queue.push(new Job(() => ran++));
  gone.isDone = true;
  await turn();
  expect(ran).toBe(1);
});

test("one that throws is an uncaught error, and takes nothing from the others", async () => {
  const queue = new DispatchQueue({ clock });
  let ran = 0;
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const uncaught: unknown[] = [];
  process.once("uncaughtException", (error) => uncaught.push(error));
  try {
    queue.push(
      new Job(() => {
        throw new Error("of the handler");
      }),
    );
    queue.push(new Job(() => ran++));
    while (ran === 0) await turn();
  } finally {
    for (const listener of before) process.on("uncaughtException", listener);
  }
  expect(uncaught).toMatchObject([{ message: "of the handler" }]);
});

test("each runs in the async context in which it came", async () => {
  const queue = new DispatchQueue({ clock });
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  for (const name of ["a", "b"]) storage.run(name, () => queue.push(new Job(() => seen.push(storage.getStore()))));
  queue.push(new Job(() => seen.push(storage.getStore())));
  await turn();
  expect(seen).toEqual(["a", "b", undefined]);
});

test("what comes while the loop was busy has waited half of that time, as the mean", async () => {
  const queue = new DispatchQueue({ clock });
  expect(queue.unseen(clock.now())).toBe(0);
  queue.push(new Job(() => (clock.time += 8)));
  await turn();
  expect(queue.unseen(clock.now())).toBe(4);
  // The control: the loop was idle, so it was read as it came.
  clock.time += 5;
  expect(queue.unseen(clock.now())).toBe(0);
});

test("what has run is not held while others wait", async () => {
  const queue = new DispatchQueue({ clock, slice: 0 });
  let ran = 0;
  for (let index = 0; index < 1500; index++) queue.push(new Job(() => ran++));
  while (ran < 1500) {
    expect(queue.size).toBe(1500 - ran);
    await turn();
  }
  expect(queue.size).toBe(0);
});

test.each([-1, Number.NaN, "soon", {}])("slice: %o is refused", (slice) => {
  expect(() => new DispatchQueue({ slice: slice as number })).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});
