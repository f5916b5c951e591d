// Random programs of single commands, as they come to a server: in any order, twice, late, after it forgot all. The clock of
// the server is one that the test sets, so that a model says exactly what is to come of each.
import fc from "fast-check";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { semaphoreInspectScript } from "../../../src/adapters/redis/lua/semaphore-inspect-script.ts";
import { semaphoreScript } from "../../../src/adapters/redis/lua/semaphore-script.ts";
import type { RedisServer } from "../../support/redis.ts";
import { startRedis } from "../../support/redis.ts";

let server: RedisServer;
let client: Redis;
const scripts = { change: "", inspect: "" };
beforeAll(async () => {
  server = await startRedis();
  client = new Redis({ host: "127.0.0.1", port: server.port });
  const load = async (source: string, count: number): Promise<string> => {
    const parts = source.split("call('TIME')");
    expect(parts.length).toBe(count + 1);
    return (await client.script("LOAD", parts.join("call('LRANGE', 'clock', 0, -1)"))) as string;
  };
  scripts.change = await load(semaphoreScript.source, 2);
  scripts.inspect = await load(semaphoreInspectScript.source, 1);
}, 120_000);
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

const keys = ["{s}", "{s}:q", "{s}:p"] as const;
/** What is told to a process is kept in a list. */
const publish = "RPUSH told:";
const processes = ["process-aaaa", "process-bbbb", "process-cccc"] as const;
const leases = [30_000, 30_000, 10_000];
const weights = [1, 1, 1, 2, 1, 1, 3, 1, 1];
const handOvers = ["-", "-", "-", "-", "h3", "-", "-", "-", "-"];

interface Program {
  readonly permits: number;
  readonly owner: string;
  readonly steps: readonly {
    readonly kind: string;
    readonly which: number;
    readonly who: number;
    readonly number: number;
    /** Microseconds since the one before. */
    readonly later: number;
  }[];
}

interface Held {
  readonly weight: number;
  expiry: number;
}

/** A semaphore as one would explain it. */
class Model {
  isKnown = false;
  permits = -1;
  version = -1;
  held: Map<string, Held> = new Map<string, Held>();
  queue: string[] = [];
  readonly alive: Map<string, number> = new Map<string, number>();
  now = 0;
  /** Of whom it is told in the reply. */
  process = "";
  own: string[] = [];
  readonly told: Map<string, string[]> = new Map(processes.map((each) => [each, []]));

  get used(): number {
    return [...this.held.values()].reduce((sum, { weight }) => sum + weight, 0);
  }

  begin(now: number, process: string, permits?: number, version?: number): void {
    this.now = now;
    this.process = process;
    this.own = [];
    for (const [id, { expiry }] of this.held) if (expiry <= now) this.held.delete(id);
    if (version === undefined) return;
    this.isKnown = true;
    if (version > this.version) [this.permits, this.version] = [permits!, version];
  }

  forget(): void {
    this.isKnown = false;
    this.permits = this.version = -1;
    this.held.clear();
  }

  tell(whom: string, line: string): void {
    (whom === this.process ? this.own : this.told.get(whom)!).push(line);
  }

  grant(id: string, term: number): void {
    this.held.set(id, { weight: weightOf(id), expiry: this.now + term });
  }

  renew(id: string, lease: number): boolean {
    const held = this.held.get(id);
    if (held !== undefined) held.expiry = this.now + lease;
    return held !== undefined;
  }

  serve(): void {
    while (this.queue.length > 0 && this.used < this.permits) {
      const id = this.queue[0]!;
      const whom = processOf(id);
      const isThere = whom === this.process || (this.alive.get(whom) ?? 0) > this.now;
      if (isThere && weightOf(id) <= this.permits && this.used + weightOf(id) > this.permits) return;
      this.queue.shift();
      if (!isThere) this.alive.delete(whom);
      else if (weightOf(id) > this.permits) this.tell(whom, `f ${id} ${this.permits}`);
      else {
        const term = whom === this.process ? leaseOf(id) : Math.min(2000, leaseOf(id));
        this.grant(id, term);
        this.tell(whom, `g ${id} ${this.now + term} ${term}`);
      }
    }
  }

  acquire(id: string, isTry: boolean): string {
    const [weight, lease] = [weightOf(id), leaseOf(id)];
    const isHeld = this.renew(id, lease);
    const isQueued = !isHeld && this.queue.includes(id);
    this.serve();
    if (isHeld) return "G";
    if (!isQueued && this.queue.length === 0 && this.used + weight <= this.permits) {
      this.grant(id, lease);
      return "G";
    }
    if (weight > this.permits) {
      this.queue = this.queue.filter((each) => each !== id);
      return "F";
    }
    if (isTry) return "N";
    if (!isQueued) this.queue.push(id);
    this.alive.set(this.process, this.now + lease);
    return "Q";
  }

  release(id: string, isOwn: boolean): number {
    let count = this.held.delete(id) ? 1 : 0;
    if (count === 0 && isOwn && this.queue.includes(id)) {
      this.queue = this.queue.filter((each) => each !== id);
      count = 1;
    }
    if (this.isKnown) this.serve();
    return count;
  }

  beat(held: readonly string[], waiting: readonly string[], lease: number): void {
    for (const id of held) this.renew(id, lease);
    for (const id of waiting) {
      if (this.renew(id, lease)) this.tell(this.process, `g ${id} ${this.now + lease} ${lease}`);
      else if (!this.queue.includes(id)) this.tell(this.process, `x ${id}`);
    }
    if (waiting.length > 0) this.alive.set(this.process, this.now + lease);
    this.serve();
  }
}

const ids = weights.map((_, at) => `${processes[at % 3]}${`id${at}`.padStart(8, "_")}`);
const processOf = (id: string): string => id.slice(0, 12);
const weightOf = (id: string): number => weights[ids.indexOf(id)]!;
const leaseOf = (id: string): number => leases[ids.indexOf(id) % 3]!;
const restOf = (id: string, owner: string): string =>
  `${weightOf(id)} ${leaseOf(id)} ${handOvers[ids.indexOf(id)]} ${owner}`;

type Command = [name: string, ...args: (string | number)[]];
type Check = (reply: unknown, isExact: boolean) => void;

/** What a reply says: what it answers, and what else it tells. */
function partsOf(reply: unknown): { kind: string; granted: string; told: string[] } {
  const [head = "", , ...lines] = String(reply).split("\n");
  // Without the slots and the token, which the model does not choose; what is lost or contended is no promise.
  const told = lines.map((line) => line.replace(/^(g \S+) \S+ \d+/, "$1")).filter((line) => !/^[lw]/.test(line));
  const bare = head.replace(/^(\d+)$/, (token) => (Number(token) > 1 ? `0 ${token}` : `R ${token}`));
  const kind = /^\d/.test(bare) ? "G" : bare.split(" ")[0]!;
  return { kind, granted: bare.replace(/^G /, ""), told };
}

async function run({ permits, owner, steps }: Program): Promise<void> {
  const model = new Model();
  const isExact = steps.every(({ later }) => later >= 0);
  const pipeline = client.pipeline();
  const checks: Check[] = [];
  const add = ([name, ...args]: Command, check: Check = () => {}): void => {
    pipeline.call(name, ...args);
    checks.push(check);
  };
  const largest = new Map<string, bigint>();
  const present = new Map<string, string>();
  let said: readonly [id: string, granted: string] | null = null;
  let us = 1_790_000_000_000_000;
  let appended = 0;
  add(["FLUSHALL"]);
  add(["RPUSH", "clock", "0", "0"]);
  for (const { kind, which, who, number, later } of steps) {
    us += later;
    const now = Math.floor(us / 1000);
    add(["LSET", "clock", 0, String(Math.floor(us / 1_000_000))]);
    add(["LSET", "clock", 1, String(us % 1_000_000)]);
    const id = ids[which]!;
    const process = processes[who]!;
    // What this process knows: the latest, or what it was made with.
    const isLatest = model.isKnown && number % 4 > 0;
    const plan = isLatest ? ([model.permits, model.version] as const) : ([permits + (number >> 3), 0] as const);
    const script = (...args: (string | number)[]): Command => ["EVALSHA", scripts.change, 3, ...keys, ...args];
    if (kind === "append") {
      model.begin(now, "");
      model.held.delete(id);
      const rest = model.isKnown ? (model.queue.length > 0 ? 8 : 7) : 0;
      add(["APPEND", keys[0], `\n${id} `], (length, exact) => {
        if (exact) expect(Number(length) % 22).toBe(rest);
      });
      appended++;
    } else if (kind === "forget") {
      model.forget();
      appended = 0;
      // Tokens go by time then, of which it takes some.
      us += 1000;
      // The queue may be there still.
      if (number < 6) {
        model.queue = [];
        model.alive.clear();
      }
      add(["DEL", ...keys.slice(0, number < 6 ? 3 : 1)]);
    } else {
      let answer: string;
      let command: Command;
      if (kind === "acquire" || kind === "try") {
        model.begin(now, processOf(id), ...plan);
        answer = model.acquire(id, kind === "try");
        const words = [`\n${id} `, restOf(id, owner), `${plan.join(" ")} ${leaseOf(id)} ${publish}`];
        command = script(...words, ...(kind === "try" ? ["t"] : []));
      } else if (kind === "release") {
        model.begin(now, processOf(id));
        answer = `R ${model.release(id, true)}`;
        command = script("r", id, restOf(id, owner), processOf(id), publish);
      } else if (kind === "take away") {
        model.begin(now, process);
        answer = `R ${model.release(id, false)}`;
        command = script("k", id, "", process, publish);
      } else if (kind === "resize") {
        model.begin(now, process, number, Math.max(model.version, plan[1]) + 1);
        model.serve();
        answer = "C";
        command = script("c", process, number, plan[1], publish);
      } else {
        model.begin(now, process, ...plan);
        const mine = ids.filter((each) => processOf(each) === process);
        const [held, waiting] = [mine.slice(0, number % 4), mine.slice(number % 4, 3)];
        const lines = waiting.map((each) => `${each} ${restOf(each, owner)}`);
        model.beat(held, number > 7 ? [] : waiting, leases[who]!);
        answer = "B";
        const words = [process, leases[who]!, ...plan, publish, held.length, ...held, ...(number > 7 ? [] : lines)];
        command = script(kind === "beat" ? "b" : "p", ...words);
      }
      const own = model.own;
      add(command, (reply, exact) => {
        expect(reply).not.toBeInstanceOf(Error);
        if (!exact) return;
        const parts = partsOf(reply);
        const known = parts.kind === "R" ? parts.granted : parts.kind;
        expect([known, ...parts.told]).toEqual([answer, ...own]);
        if (answer === "G") said = [id, parts.granted];
      });
      appended = 0;
    }
    const held = new Map([...model.held].map(([holder, { expiry }]) => [holder, expiry]));
    const queue = [...model.queue];
    const { isKnown } = model;
    const known = isKnown ? [model.permits, model.version] : [-1, -1];
    const bare = 22 * appended;
    const bound = 250 + 140 * ids.length + bare;
    add(["EVALSHA", scripts.inspect, 3, ...keys], (reply, exact) => {
      const [time, knownPermits, knownVersion, lines, count, ...waiting] = (reply as unknown[]).map(String);
      const all = lines!.split("\n").filter((line) => line !== "");
      const live = all.map((line) => line.split(" ")).filter(([, expiry]) => Number(expiry) > Number(time));
      const slots = live.flatMap(([, , each]) => each!.split(","));
      expect(new Set(slots).size).toBe(slots.length);
      for (const [holder, , each, token, , , handOver] of live) {
        const granted = `${each} ${token}`;
        for (const slot of present.get(holder!) === granted ? [] : each!.split(",")) {
          expect(BigInt(token!) > (largest.get(slot) ?? 0n)).toBe(true);
          largest.set(slot, BigInt(token!) + (handOver === "-" ? 0n : 3n));
        }
        present.set(holder!, granted);
        if (holder === said?.[0]) expect(granted).toBe(said![1]);
      }
      said = null;
      if (!exact) return;
      expect([Number(knownPermits), Number(knownVersion)]).toEqual(known);
      expect(new Map(live.map(([holder, expiry]) => [holder!, Number(expiry)]))).toEqual(held);
      for (const holder of present.keys()) if (!held.has(holder)) present.delete(holder);
      expect(waiting.filter((_, at) => at % 2 === 0)).toEqual(queue.map((each) => `${each} ${restOf(each, owner)}`));
      expect(Number(count)).toBe(queue.length);
    });
    add(["STRLEN", keys[0]], (length, exact) => {
      expect(length).toBeLessThan(bound);
      if (!isKnown) expect(length).toBe(bare);
      else if (exact) expect(Number(length) % 22).toBe(queue.length > 0 ? 8 : 7);
    });
    add(["PTTL", keys[0]], (ms) => {
      if (isKnown) expect(ms).toBeGreaterThan(0);
    });
  }
  for (const process of processes) {
    add(["LRANGE", `told:${process}`, 0, -1], (reply, exact) => {
      const { told } = partsOf(["", "", ...(reply as string[])].join("\n"));
      if (exact) expect(told).toEqual(model.told.get(process));
    });
  }
  const replies = (await pipeline.exec())!;
  for (const [at, [error, reply]] of replies.entries()) checks[at]!(error ?? reply, isExact);
}

const kinds = [
  ...Array<string>(8).fill("acquire"),
  ...Array<string>(6).fill("append"),
  ...Array<string>(2).fill("try"),
  ...Array<string>(2).fill("release"),
  ...Array<string>(2).fill("look"),
  "take away",
  "beat",
  "resize",
  "forget",
];
const moments = [0, 1, 1, 700, 5000, 5000, 5000, 1_000_000, 2_000_000, 9_999_000, 10_000_000, 30_000_000];
const steps = (times: readonly number[]): fc.Arbitrary<Program["steps"]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      which: fc.nat(ids.length - 1),
      who: fc.nat(2),
      number: fc.nat(9),
      later: fc.constantFrom(...times),
    }),
    { minLength: 1, maxLength: 60, size: "max" },
  );
const programs = (times: readonly number[]): fc.Arbitrary<Program> =>
  fc.record({
    permits: fc.nat(5),
    owner: fc.string({ unit: fc.constantFrom("a", "%", "h", "-"), minLength: 1, maxLength: 30 }),
    steps: steps(times),
  });

const numRuns = Number(process.env["SNOWSHED_PROGRAMS"] ?? 60);

test("commands in any order, twice and late: what the server says and keeps is what the model says", async () => {
  await fc.assert(fc.asyncProperty(programs(moments), run), { numRuns });
}, 3_600_000);

test("a clock that is set back and forth: each slot has one holder, and its tokens grow", async () => {
  const times = [...moments, -1, -700, -2_000_000, -9_000_000, -60_000_000];
  const isSafe = async (program: Program): Promise<void> =>
    run({ ...program, steps: program.steps.filter(({ kind }) => kind !== "forget") });
  await fc.assert(fc.asyncProperty(programs(times), isSafe), { numRuns: numRuns / 5 });
}, 3_600_000);

test("what thousands gave back is copied a few times, not once for each of them", async () => {
  await client.flushall();
  // Counts the bytes that are cut out of texts, until all is given back.
  const counting = `
    local copied, cutOut = 0, sub
    sub = function(...)
      local part = cutOut(...)
      copied = copied + #part
      return part
    end
  `;
  const [head, ...lines] = semaphoreScript.source.split(/^(?=local format)/m);
  const last = "local first = 0\n";
  const source = [head, counting, ...lines].join("").replace(last, `call('SET', 'copied', copied)\n${last}`);
  const counted = (await client.script("LOAD", source)) as string;
  const entry = (at: number): string => `\n${processes[0]}${String(at).padStart(8, "0")} `;
  const acquire = (at: number): string[] => [entry(at), "1 30000 - owner", `1000 0 30000 ${publish}`];
  await client.rpush("clock", "1790000000", "0");
  const count = 500;
  const pipeline = client.pipeline();
  for (let at = 0; at < count; at++) pipeline.evalsha(scripts.change, 3, ...keys, ...acquire(at));
  for (let at = 1; at < count; at++) pipeline.append(keys[0], entry(at));
  await pipeline.exec();
  const size = await client.strlen(keys[0]);
  expect(size).toBeGreaterThan(count * 50);
  await client.evalsha(counted, 3, ...keys, ...acquire(count));
  const copied = Number(await client.get("copied"));
  expect(copied).toBeGreaterThan(size);
  expect(copied).toBeLessThan(10 * size);
  expect(await client.strlen(keys[0])).toBeLessThan(500 + count);
});
