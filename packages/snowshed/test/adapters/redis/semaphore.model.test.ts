// Random programs of three processes on one server against a model that is plain to see.
import fc from "fast-check";
import type { LeasePermit, RedisSemaphore } from "snowshed/redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Outcome } from "../../support/promises.ts";
import { observe } from "../../support/promises.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis, until } from "../../support/redis.ts";
import { Processes } from "./semaphore-fixture.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
}, 120_000);
afterAll(() => server.stop());

interface Call {
  readonly weight: number;
  readonly result: { readonly outcome: Outcome<LeasePermit> };
  readonly abort: AbortController;
}

/** A semaphore as one would explain it. */
class Model {
  permits: number;
  held: Call[] = [];
  queue: Call[] = [];
  refused: Call[] = [];

  constructor(permits: number) {
    this.permits = permits;
  }

  get used(): number {
    return this.held.reduce((sum, { weight }) => sum + weight, 0);
  }

  serve(): void {
    while (this.queue.length > 0 && this.used + this.queue[0]!.weight <= this.permits)
      this.held.push(this.queue.shift()!);
  }

  acquire(call: Call): void {
    if (call.weight > this.permits) this.refused.push(call);
    else this.queue.push(call);
    this.serve();
  }

  end(call: Call): void {
    this.held = this.held.filter((each) => each !== call);
    this.queue = this.queue.filter((each) => each !== call);
    this.serve();
  }

  resize(permits: number): void {
    this.permits = permits;
    this.refused.push(...this.queue.filter(({ weight }) => weight > permits));
    this.queue = this.queue.filter(({ weight }) => weight <= permits);
    this.serve();
  }
}

const place = fc.nat(99);
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("acquire"), who: fc.nat(2), number: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("try"), who: fc.nat(2), number: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("release"), who: fc.nat(2), number: place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cancel"), who: fc.nat(2), number: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire"), who: fc.nat(2), number: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("take away"), who: fc.nat(2), number: place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resize"), who: fc.nat(2), number: fc.nat(6) }) },
);

/** Makes a lease end at this moment, in as many characters as it had. The seventh number of the state is when the next one ends. */
const expire = `
  local state = redis.call('GET', KEYS[1])
  local from, to = string.find(state, '\\n' .. string.gsub(ARGV[1], '%-', '%%-') .. ' %d+')
  state = string.sub(state, 1, from) .. ARGV[1] .. string.format(' %0' .. to - from - 21 .. 'd', 1) .. string.sub(state, to + 1)
  redis.call('SET', KEYS[1], string.sub(state, 1, 48) .. struct.pack('<d', 1) .. string.sub(state, 57), 'KEEPTTL')`;

async function program(
  processes: Processes,
  steps: readonly { kind: string; who: number; number: number }[],
): Promise<void> {
  processes.begin();
  const direct = processes.client();
  const all = [0, 1, 2].map(() => processes.semaphore({ permits: 3, lease: "10m" }));
  const model = new Model(3);
  const lastToken = new Map<number, bigint>();
  /** Asks for what never fits: the answer tells a process, and the server, all that is due. */
  const speak = (semaphore: RedisSemaphore): Promise<unknown> => semaphore.tryPermit(9999).catch(() => {});
  for (const { kind, who, number } of steps) {
    const semaphore = all[who]!;
    const held = model.held.length === 0 ? undefined : model.held[number % model.held.length];
    const id = async (call: Call): Promise<string> => {
      const { token } = (call.result.outcome as { value: LeasePermit }).value.fence;
      return (await semaphore.inspect()).holders.find(({ fence }) => fence.token === token)!.id;
    };
    if (kind === "acquire") {
      const abort = new AbortController();
      const promise = semaphore.permit(number, { signal: abort.signal });
      model.acquire({ weight: number, result: observe(promise), abort });
      await speak(semaphore);
    } else if (kind === "try") {
      const fits = model.queue.length === 0 && model.used + number <= model.permits;
      const permit = await semaphore.tryPermit(number).catch(() => undefined);
      expect(permit !== undefined).toBe(fits);
      await permit?.release();
    } else if (kind === "release" && held !== undefined) {
      await (held.result.outcome as { value: LeasePermit }).value.release();
      model.end(held);
    } else if (kind === "cancel" && model.queue.length > 0) {
      const call = model.queue[number % model.queue.length]!;
      call.abort.abort();
      model.end(call);
    } else if (kind === "expire" && held !== undefined) {
      // Which writes the end of each lease as a number.
      await speak(semaphore);
      await direct.eval(expire, 1, processes.key, await id(held));
      model.end(held);
      await speak(semaphore);
    } else if (kind === "take away" && held !== undefined) {
      expect(await semaphore.releaseHolder(await id(held))).toBe(true);
      model.end(held);
    } else if (kind === "resize") {
      await semaphore.resize(number);
      model.resize(number);
      for (const each of all) await speak(each);
    }
    const isSettled = async (): Promise<boolean> => {
      const seen = await all[0]!.inspect();
      return (
        model.held.every(({ result }) => result.outcome.status === "fulfilled") &&
        model.refused.every(({ result }) => result.outcome.status === "rejected") &&
        seen.queued === model.queue.length
      );
    };
    await until(isSettled, `${kind} is done`);
    const seen = await all[0]!.inspect();
    expect(seen.permits === model.permits || seen.held === 0).toBe(true);
    expect(seen.waiters.map(({ weight }) => weight)).toEqual(model.queue.map(({ weight }) => weight));
    expect(model.queue.every(({ result }) => result.outcome.status === "pending")).toBe(true);
    expect(seen.held).toBe(model.used);
    const slots = seen.holders.flatMap(({ fences }) => fences);
    expect(new Set(slots.map(({ slot }) => slot)).size).toBe(model.used);
    for (const { result } of model.held) {
      const { fences, context } = (result.outcome as { value: LeasePermit }).value;
      expect(context.aborted).toBe(false);
      for (const { slot, token } of fences) {
        expect(slots).toContainEqual({ slot, token });
        expect(token >= (lastToken.get(slot) ?? 0n)).toBe(true);
        lastToken.set(slot, token);
      }
    }
  }
}

test("what a program sees is what the model says, and each token of a slot is larger than those before", async () => {
  const processes = new Processes(() => server.port);
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (steps) => {
      try {
        await program(processes, steps);
      } finally {
        await processes.end();
      }
    }),
    { numRuns: 60 },
  );
}, 180_000);
