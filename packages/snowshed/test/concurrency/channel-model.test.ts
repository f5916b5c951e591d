// Random programs against a naive model, and interleavings in which every value has to arrive one time.
import { Channel, Context, receive, select, send } from "snowshed";
import { FakeClock } from "snowshed/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

/** A channel as one would explain it: three lists and a rule that is applied until nothing changes any more. */
class ModelChannel {
  buffer: number[] = [];
  senders: { id: number; value: number }[] = [];
  receivers: { id: number }[] = [];
  closed = false;
  /** What each operation that had to wait, or not, came to, by its number. */
  readonly results: unknown[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  send(id: number, value: number): void {
    this.results[id] = "pending";
    if (this.closed) this.results[id] = "SNOWSHED_CHANNEL_CLOSED";
    else this.senders.push({ id, value });
    this.#apply();
  }

  receive(id: number): void {
    this.results[id] = "pending";
    this.receivers.push({ id });
    this.#apply();
  }

  close(): void {
    this.closed = true;
    for (const { id } of this.senders) this.results[id] = "SNOWSHED_CHANNEL_CLOSED";
    this.senders = [];
    this.#apply();
  }

  abort(id: number): void {
    if (this.results[id] !== "pending") return;
    this.results[id] = "SNOWSHED_CANCELED";
    this.senders = this.senders.filter((sender) => sender.id !== id);
    this.receivers = this.receivers.filter((receiver) => receiver.id !== id);
  }

  #apply(): void {
    for (let changed = true; changed;) {
      changed = false;
      // With somebody there to take it, a value may pass through the buffer for a moment, whatever its capacity.
      if (this.senders.length > 0 && this.buffer.length < Math.max(this.#capacity, this.receivers.length)) {
        const { id, value } = this.senders.shift()!;
        this.buffer.push(value);
        this.results[id] = "sent";
        changed = true;
      }
      if (this.receivers.length > 0 && this.buffer.length > 0) {
        this.results[this.receivers.shift()!.id] = { done: false, value: this.buffer.shift() };
        changed = true;
      }
    }
    if (!this.closed) return;
    for (const { id } of this.receivers) this.results[id] = { done: true, value: undefined };
    this.receivers = [];
  }
}

/** A model with a defect, for the negative control: it serves the newest receiver. */
class NewestFirst extends ModelChannel {
  override receive(id: number): void {
    super.receive(id);
    this.receivers.reverse();
  }
}

type Command =
  | { readonly do: "send" | "receive" | "trySend" | "tryReceive" | "close" | "drain" }
  | { readonly do: "abort"; readonly pick: number };

const simple = (weight: number, what: Exclude<Command["do"], "abort">) => ({
  weight,
  arbitrary: fc.constant<Command>({ do: what }),
});
const program = fc.array(
  fc.oneof(
    simple(8, "send"),
    simple(8, "receive"),
    simple(4, "trySend"),
    simple(4, "tryReceive"),
    simple(2, "drain"),
    simple(1, "close"),
    { weight: 4, arbitrary: fc.record({ do: fc.constant("abort" as const), pick: fc.nat(9) }) },
  ),
  { maxLength: 40 },
);
const capacities = fc.constantFrom(0, 1, 2, 3, Infinity);

function codeOf(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

async function compare(capacity: number, commands: readonly Command[], model: ModelChannel): Promise<void> {
  const channel = new Channel<number>(capacity);
  const operations: { observed: ReturnType<typeof observe<unknown>>; cancel: () => void }[] = [];
  let values = 0;
  for (const command of commands) {
    const id = operations.length;
    if (command.do === "send" || command.do === "receive") {
      const signal = Context.background.withCancel();
      const promise = command.do === "send" ? channel.send(values, { signal }) : channel.receive({ signal });
      operations.push({ observed: observe<unknown>(promise), cancel: () => signal.cancel() });
      if (command.do === "send") model.send(id, values++);
      else model.receive(id);
    } else if (command.do === "trySend") {
      const possible = model.closed || model.receivers.length > 0 || model.buffer.length < capacity;
      const got = codeOf(() => channel.trySend(values));
      expect(got).toBe(model.closed ? "SNOWSHED_CHANNEL_CLOSED" : possible);
      if (possible && !model.closed) model.send(1000 + values, values);
      values++;
    } else if (command.do === "tryReceive") {
      const possible = model.closed || model.senders.length > 0 || model.buffer.length > 0;
      const got = channel.tryReceive();
      if (possible) model.receive(999);
      expect(got).toEqual(possible ? model.results[999] : undefined);
    } else if (command.do === "close") {
      expect(codeOf(() => channel.close())).toBe(model.closed ? "SNOWSHED_CHANNEL_CLOSED" : undefined);
      if (!model.closed) model.close();
    } else if (command.do === "abort") {
      const pending = [...operations.keys()].filter((each) => model.results[each] === "pending");
      const chosen = pending[command.pick % Math.max(1, pending.length)] ?? command.pick;
      operations[chosen]?.cancel();
      model.abort(chosen);
    } else await drained();
    expect([channel.size, channel.closed]).toEqual([model.buffer.length, model.closed]);
  }
  await drained();
  const results = operations.map(({ observed: { outcome } }) => {
    if (outcome.status === "rejected") return (outcome.reason as { code?: unknown }).code;
    return outcome.status === "pending" ? "pending" : (outcome.value ?? "sent");
  });
  expect(results).toEqual(model.results.slice(0, operations.length));
}

test("a channel does what its model does", async () => {
  const property = fc.asyncProperty(capacities, program, (capacity, commands) =>
    compare(capacity, commands, new ModelChannel(capacity)),
  );
  await fc.assert(property, { numRuns: 1000 });
});

test("the comparison fails for a model that serves the newest receiver first", async () => {
  const property = fc.asyncProperty(capacities, program, (capacity, commands) =>
    compare(capacity, commands, new NewestFirst(capacity)),
  );
  expect((await fc.check(property, { numRuns: 1000, seed: 1 })).failed).toBe(true);
});

type Receive = (
  channels: readonly Channel<number>[],
  signal: Context,
) => Promise<{ readonly done?: boolean; readonly value: unknown }>;
type Send = (channels: readonly Channel<number>[], value: number, signal: Context) => Promise<unknown>;

/**
 * Producers send on one of two channels, consumers receive from either, aborts come in between. Returns what was sent
 * and received for sure; what an aborted send left behind would show as received, not sent.
 */
async function exchange(
  scheduler: fc.Scheduler,
  capacity: number,
  abortEvery: number,
  doSend: Send,
  doReceive: Receive,
): Promise<{ sent: number[]; received: number[][] }> {
  const channels = [new Channel<number>(capacity), new Channel<number>(capacity)] as const;
  // The seeded chance of a FakeClock: what fails once fails again.
  const root = Context.root({ clock: new FakeClock() });
  const sent: number[] = [];
  let operations = 0;
  const step = (label: string): Promise<void> => scheduler.schedule(Promise.resolve(), label);
  /** Repeats the operation until it was not aborted; every n-th attempt gets an abort at some time. */
  const retry = async <T>(operation: (signal: Context) => Promise<T>): Promise<T> => {
    for (;;) {
      const signal = root.withCancel();
      if (abortEvery > 0 && ++operations % abortEvery === 0) void step("abort").then(() => signal.cancel());
      try {
        return await operation(signal);
      } catch (error) {
        if ((error as Error).name !== "AbortError") throw error;
        await step("again");
      }
    }
  };
  const produce = async (producer: number): Promise<void> => {
    for (let index = 0; index < 5; index++) {
      await step(`produce ${producer}`);
      await retry((signal) => doSend(channels, producer * 100 + index, signal));
      sent.push(producer * 100 + index);
    }
  };
  const received: number[][] = [[], []];
  const consume = async (mine: number[]): Promise<void> => {
    for (let open = true; open;) {
      await step("consume");
      const got = await retry((signal) => doReceive(channels, signal));
      if (got.done === true) open = false;
      else mine.push(got.value as number);
    }
    // Whoever saw the end of one channel takes the rest of both.
    for (const channel of channels)
      for (let got = channel.tryReceive(); got && !got.done; got = channel.tryReceive()) mine.push(got.value);
  };
  const all = Promise.all([
    Promise.all([produce(0), produce(1), produce(2)]).then(() => channels.map((channel) => channel.close())),
    ...received.map(consume),
  ]);
  await scheduler.waitFor(all);
  return { sent, received };
}

const selectReceive: Receive = ([left, right], signal) => select([receive(left!), null, receive(right!)], { signal });
const selectSend: Send = ([left, right], value, signal) =>
  select([send(left!, value), send(right!, value)], { signal });
const plainSend: Send = (channels, value, signal) => channels[value % 2]!.send(value, { signal });
const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((one, other) => one - other);

function conserves(doSend: Send, doReceive: Receive): fc.IAsyncProperty<[fc.Scheduler, number, number]> {
  return fc.asyncProperty(
    fc.scheduler(),
    capacities,
    fc.integer({ min: 0, max: 4 }),
    async (scheduler, capacity, abortEvery) => {
      // Aborting every attempt would never end.
      const { sent, received } = await exchange(
        scheduler,
        capacity,
        abortEvery === 1 ? 2 : abortEvery,
        doSend,
        doReceive,
      );
      expect(ascending(received.flat())).toEqual(ascending(sent));
      expect(sent).toHaveLength(15);
    },
  );
}

test("no value is lost or received twice between sends and selects, with aborts in between", async () => {
  await fc.assert(conserves(plainSend, selectReceive), { numRuns: 150 });
});

test("no value is lost or received twice between selects that meet selects", async () => {
  await fc.assert(conserves(selectSend, selectReceive), { numRuns: 150 });
});

test("each consumer gets what one producer sent in the order of sending", async () => {
  const oneChannel: Send = ([channel], value, signal) => channel!.send(value, { signal });
  const property = fc.asyncProperty(fc.scheduler(), capacities, async (scheduler, capacity) => {
    const { received } = await exchange(scheduler, capacity, 3, oneChannel, selectReceive);
    for (const mine of received) {
      for (const producer of [0, 1, 2]) {
        const from = mine.filter((value) => Math.floor(value / 100) === producer);
        expect(from).toEqual(ascending(from));
      }
    }
  });
  await fc.assert(property, { numRuns: 150 });
});

test("the check fails for a select made of Promise.race, which loses what the losers receive", async () => {
  const raced: Receive = (channels, signal) => Promise.race(channels.map((channel) => channel.receive({ signal })));
  expect((await fc.check(conserves(plainSend, raced), { numRuns: 50, seed: 1 })).failed).toBe(true);
});
