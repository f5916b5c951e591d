import type { Socket } from "node:net";
import fc from "fast-check";
import { Pool } from "pg";
import type { PostgresTransaction } from "snowshed/postgres";
import { deduplicationSchema, PostgresDeduplicationStore } from "snowshed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Database, write } from "./fixture.ts";

const day = 86_400_000;
let database: Database;
let shared: Pool;
let names = 0;
const fresh = (): string => `consumer ${names++}`;
beforeAll(async () => {
  database = await Database.start();
  shared = database.pool();
}, 60_000);
afterAll(() => database.stop());

test("a failing effect of a batch is found, and the others are applied", async () => {
  const store = database.store(fresh());
  const at = Date.now();
  const keys = ["each 0", "each 1", "each 2", "each 3", "each 1"];
  const events = keys.map((key) => ({ key, at }));
  await store.apply(events[3]!, (transaction) => write(transaction, "each 3"));
  const failure = new Error("poison");
  const calls: number[] = [];
  const outcomes = await store.applyEach([...events, { key: "old", at: 1 }], async (transaction, place) => {
    calls.push(place);
    await write(transaction, keys[place]!);
    if (place === 1) throw failure;
    return place;
  });
  expect(outcomes).toEqual([
    { status: "applied", value: 0 },
    { status: "failed", error: failure },
    { status: "applied", value: 2 },
    { status: "duplicate" },
    { status: "failed", error: failure },
    { status: "failed", error: expect.objectContaining({ code: "SNOWSHED_EVENT_EXPIRED" }) as unknown },
  ]);
  // Once without savepoints, once with them.
  expect(calls).toEqual([0, 1, 0, 1, 2]);
  const again = await store.applyEach(events, (transaction, place) => write(transaction, keys[place]!));
  expect(again.map(({ status }) => status)).toEqual(["duplicate", "applied", "duplicate", "duplicate", "duplicate"]);
  const effects = await database.effects();
  expect(keys.map((key) => effects.get(key))).toEqual([1, 1, 1, 1, 1]);
  expect(store.inspect()).toMatchObject({ applied: 4, duplicates: 5, expired: 2, unavailable: 0 });
});

test("a statement of one that fails does not take the others with it", async () => {
  const store = database.store(fresh());
  const at = Date.now();
  const events = [0, 1, 2, 3].map((index) => ({ key: `sql ${index}`, at }));
  const outcomes = await store.applyEach(events, async (transaction, place) => {
    await write(transaction, `sql ${place}`);
    if (place === 1) await transaction.query("select 1 / 0");
    // One that ignores the failure of a statement has failed, whatever it says.
    if (place === 2) await transaction.query("select 1 / 0").catch(() => {});
  });
  expect(outcomes.map(({ status }) => status)).toEqual(["applied", "failed", "failed", "applied"]);
  expect(outcomes[1]).toMatchObject({ error: { code: "22012" } });
  expect(outcomes[2]).toMatchObject({ error: { code: "SNOWSHED_FATAL", cause: { code: "22012" } } });
  const effects = await database.effects();
  expect(events.map(({ key }) => effects.get(key))).toEqual([1, undefined, undefined, 1]);
});

test("an effect that ignores a failed statement is not taken for applied", async () => {
  const store = database.store(fresh());
  const event = { key: "ignored", at: Date.now() };
  const call = store.apply(event, async (transaction) => {
    await write(transaction, event.key);
    await transaction.query("select 1 / 0").catch(() => {});
  });
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_FATAL", cause: { code: "22012" } });
  expect((await database.effects()).get("ignored")).toBeUndefined();
  expect((await store.apply(event, (transaction) => write(transaction, "ignored"))).status).toBe("applied");
});

test("any sequence of calls: as a set of keys says", async () => {
  const place = fc.integer({ min: 0, max: 5 });
  const call = fc.record({
    kind: fc.constantFrom("apply" as const, "batch" as const, "each" as const),
    places: fc.array(place, { minLength: 1, maxLength: 6 }),
    failing: fc.array(place, { maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 8 }), async (calls) => {
      const name = fresh();
      const store = database.store(name, {}, shared);
      const at = Date.now();
      const done = new Set<number>();
      for (const { kind, places, failing } of calls) {
        // With all that means something where arrays are written as text.
        const events = places.map((number) => {
          const key = `${name} ${["0", '"', "\\", "NULL", "{,}", " \n"][number]}`;
          return number % 2 === 0 ? { key, at } : { key };
        });
        const effect = async (transaction: PostgresTransaction, which: number): Promise<void> => {
          await write(transaction, `${name} ${places[which]}`);
          if (failing.includes(places[which]!)) throw new Error("fails");
        };
        const firsts = places.flatMap((number, index) =>
          done.has(number) || places.indexOf(number) < index ? [] : [index],
        );
        if (kind === "each") {
          const outcomes = await store.applyEach(events, effect);
          for (const [index, { status }] of outcomes.entries()) {
            const number = places[index]!;
            const isFailing = failing.includes(number) && !done.has(number);
            const expected = isFailing ? "failed" : firsts.includes(index) ? "applied" : "duplicate";
            expect(status).toBe(expected);
          }
          for (const number of places) if (!failing.includes(number)) done.add(number);
          continue;
        }
        const asked = kind === "apply" ? firsts.filter((index) => index === 0) : firsts;
        const answer =
          kind === "apply"
            ? store.apply(events[0]!, (transaction) => effect(transaction, 0))
            : store.applyBatch(events, async (transaction, which) => {
                expect(which).toEqual(asked);
                for (const index of which) await effect(transaction, index);
              });
        if (asked.some((index) => failing.includes(places[index]!))) {
          await expect(answer).rejects.toThrow("fails");
        } else {
          await answer;
          for (const index of asked) done.add(places[index]!);
        }
      }
      const effects = await database.effects();
      const counts = [0, 1, 2, 3, 4, 5].map((number) => effects.get(`${name} ${number}`) ?? 0);
      expect(counts).toEqual([0, 1, 2, 3, 4, 5].map((number) => (done.has(number) ? 1 : 0)));
    }),
    { numRuns: 40 },
  );
}, 60_000);

test("what the server refuses to commit was not applied", async () => {
  await database
    .pool()
    .query("create table once (id int primary key, other int references once (id) deferrable initially deferred)");
  const store = database.store(fresh());
  const event = { key: "deferred", at: Date.now() };
  const call = store.apply(event, (transaction) => transaction.query("insert into once values (1, 2)"));
  await expect(call).rejects.toMatchObject({ code: "23503" });
  expect((await store.apply(event, () => {})).status).toBe("applied");
});

test.each([
  ["commit", "COMMIT"],
  ["with space and case", " \n Rollback;"],
  ["end", "end"],
  ["begin", "begin read only"],
  ["start", "START TRANSACTION"],
  ["abort", "abort work"],
  ["two phases", "prepare transaction 'a'"],
])("an effect cannot end its transaction: %s", async (_, text) => {
  const store = database.store(fresh());
  const call = store.apply({ key: text }, (transaction) => transaction.query(text));
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
  const object = store.apply({ key: text }, (transaction) => transaction.query({ text }));
  await expect(object).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
});

test("one that ends it behind the store's back is told", async () => {
  const store = database.store(fresh());
  const call = store.apply({ key: "sly" }, (transaction) => transaction.query("select 1; commit"));
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_FATAL" });
});

test("savepoints, prepared statements and rows are those of pg", async () => {
  const store = database.store(fresh());
  const outcome = await store.apply({ key: "pg" }, async (transaction) => {
    await transaction.query("savepoint a");
    await transaction.query("select 1 / 0").catch(() => {});
    await transaction.query("rollback to savepoint a");
    const { rows } = await transaction.query<{ n: number }>({ name: "n", text: "select $1::int as n", values: [7] });
    return rows[0]!.n;
  });
  expect(outcome).toEqual({ status: "applied", value: 7 });
});

test("after it has ended, an effect writes nothing more", async () => {
  const pool = database.pool({ max: 1 });
  const store = database.store(fresh(), {}, pool);
  let kept: { query(text: string): Promise<unknown> } | undefined;
  await store.apply({ key: "late" }, (transaction) => {
    kept = transaction;
  });
  await expect(kept!.query("insert into effects values ('late')")).rejects.toMatchObject({ code: "SNOWSHED_FATAL" });
  expect((await database.effects()).get("late")).toBeUndefined();
});

test("serialization failures are tried again, and counted", async () => {
  const pool = database.pool();
  await pool.query("create table sums (id int primary key, total int); insert into sums values (1, 0), (2, 0)");
  const store = database.store(fresh(), { isolation: "serializable", attempts: 100 });
  await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      store.apply({ key: `sum ${index}` }, async (transaction) => {
        const { rows } = await transaction.query<{ total: number }>("select total from sums where id = 1");
        await transaction.query("update sums set total = $1 where id = 1", [rows[0]!.total + 1]);
      }),
    ),
  );
  expect((await pool.query("select total from sums where id = 1")).rows).toEqual([{ total: 6 }]);
  expect(store.inspect().conflicts).toBeGreaterThan(0);
});

test("a deadlock is tried again, also where the effect hides it", async () => {
  const pool = database.pool();
  const store = database.store(fresh());
  let inside = 0;
  const both = async (first: number, second: number): Promise<unknown> =>
    store.apply({ key: `deadlock ${first}` }, async (transaction) => {
      await transaction.query("update sums set total = total + 1 where id = $1", [first]);
      inside++;
      await expect.poll(() => inside).toBeGreaterThanOrEqual(2);
      await transaction.query("update sums set total = total + 1 where id = $1", [second]).catch((error: unknown) => {
        throw new RangeError("something went wrong", { cause: { hidden: error } });
      });
    });
  const before = (await pool.query<{ n: number }>("select sum(total)::int as n from sums")).rows[0]!.n;
  await Promise.all([both(1, 2), both(2, 1)]);
  expect((await pool.query("select sum(total)::int as n from sums")).rows).toEqual([{ n: before + 4 }]);
  expect(store.inspect()).toMatchObject({ applied: 2, conflicts: 1 });
});

test("attempts end", async () => {
  const store = database.store(fresh(), { attempts: 2 });
  let calls = 0;
  const call = store.apply({ key: "conflict" }, async (transaction) => {
    calls++;
    await transaction.query("do $$ begin raise exception 'no' using errcode = '40001'; end $$");
  });
  await expect(call).rejects.toMatchObject({ code: "40001" });
  expect(calls).toBe(2);
});

test("a statement that takes for ever is ended with its signal", async () => {
  const store = database.store(fresh());
  const context = AbortSignal.timeout(100);
  const event = { key: "for ever" };
  const call = store.apply(event, (transaction) => transaction.query("select pg_sleep(60)"), { signal: context });
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  // Its event is free again.
  expect((await store.apply(event, () => {})).status).toBe("applied");
});

test("the connection breaks that was to end it: the process lives, and the event is free", async () => {
  const pool = database.pool();
  const store = database.store(fresh(), {}, {
    query: pool.query.bind(pool),
    connect: async () => {
      const client = await pool.connect();
      const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>;
      return Object.assign(client, {
        query: (...asked: unknown[]) => {
          const answer = query(...asked);
          if (String(asked[0]).includes("pg_cancel_backend")) {
            (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
          }
          return answer;
        },
      });
    },
  } as unknown as Pool);
  const event = { key: "breaks" };
  const options = { signal: AbortSignal.timeout(50) };
  const call = store.apply(event, (transaction) => transaction.query("select pg_sleep(1)"), options);
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_DEADLINE_EXCEEDED" });
  expect((await store.apply(event, () => {})).status).toBe("applied");
});

test("who holds an event for too long makes the others give up, not lose it", async () => {
  const name = fresh();
  const [first, second] = [database.store(name), database.store(name, { claimTimeout: 100, commandTimeout: 100 })];
  let go = (): void => {};
  let begun = (): void => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const held = first.apply({ key: "held" }, async () => {
    begun();
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  await hasBegun;
  await expect(second.apply({ key: "held" }, () => {})).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  go();
  expect((await held).status).toBe("applied");
  expect((await second.apply({ key: "held" }, () => {})).status).toBe("duplicate");
});

test("an effect that keeps its transaction idle for too long loses it", async () => {
  const store = database.store(fresh(), { idleTimeout: 50 });
  let ended: unknown;
  const call = store.apply({ key: "idle" }, async (_, context) => {
    await context.sleep("5s").catch((error: unknown) => {
      ended = error;
    });
  });
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  await expect.poll(() => ended).toMatchObject({ code: "SNOWSHED_CANCELED" });
  expect((await store.apply({ key: "idle" }, () => {})).status).toBe("applied");
});

test("tables that are not there: it says what makes them", async () => {
  const options = { schema: `s'"\\ ; drop`, table: "Marks of 'mine'" };
  const store = database.store(fresh(), options);
  const call = store.apply({ key: "a" }, () => expect.fail("it was run"));
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE", cause: { code: "3F000" } });
  await expect(call).rejects.toThrow("snowshed delivery schema --apply");
  await expect(store.maintain()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  expect(store.inspect().maintenanceFailure).toBeInstanceOf(Error);
  await Promise.all([store.createSchema(), database.store(fresh(), options).createSchema()]);
  expect((await store.apply({ key: "a" }, () => {})).status).toBe("applied");
  expect((await store.apply({ key: "a" }, () => {})).status).toBe("duplicate");
  expect(await store.maintain()).toEqual({ created: 0, dropped: 0, deleted: 0 });
});

test("a schema that somebody else makes at the same time", async () => {
  const other = await database.pool().connect();
  await other.query("begin; create schema twice");
  const store = database.store(fresh(), { schema: "twice" });
  const made = expect(store.createSchema()).resolves.toBeUndefined();
  const isWaiting = async (): Promise<number | null> =>
    (await database.pool().query("select from pg_locks where not granted")).rowCount;
  await expect.poll(isWaiting).toBe(1);
  await other.query("commit");
  other.release();
  await made;
  expect((await store.apply({ key: "a" }, () => {})).status).toBe("applied");
});

test("tables of an older version: it says what makes what is missing", async () => {
  const store = database.store(fresh(), { schema: "older" });
  await store.createSchema();
  await database.pool().query("drop function older.snowshed_deduplication_claim");
  const call = store.apply({ key: "a" }, () => expect.fail("it was run"));
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE", cause: { code: "42883" } });
  await expect(call).rejects.toThrow("snowshed delivery schema --apply");
  await store.createSchema();
  expect((await store.apply({ key: "a" }, () => {})).status).toBe("applied");
});

test("a user without rights is told so, and with those that the documentation lists can do all but make tables", async () => {
  const pool = database.pool();
  await pool.query("create role worker login");
  const store = database.store(fresh(), {}, database.pool({ user: "worker" }));
  await expect(store.apply({ key: "a" }, () => {})).rejects.toThrow("42501");
  await pool.query(`
    grant select, insert, delete on snowshed_deduplication to worker;
    revoke execute on all functions in schema public from public;
    grant select on snowshed_deduplication_horizon to worker;
    grant execute on function snowshed_deduplication_claim(text, bigint[], text[], bigint, boolean) to worker;
    grant execute on function snowshed_deduplication_maintain(bigint, integer) to worker`);
  expect((await store.apply({ key: "a" }, () => {})).status).toBe("applied");
  await store.maintain();
  await expect(store.createSchema()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
});

test("no secret is told of", () => {
  const address = "postgres://user:secret@host/database";
  expect(() => new PostgresDeduplicationStore(address as never, "a")).toThrow(expect.not.stringContaining("secret"));
});

test("a pool that has ended, and one whose server is not there", async () => {
  const pool = database.pool();
  await pool.end();
  const ended = new PostgresDeduplicationStore(pool, "a").apply({ key: "a" }, () => {});
  await expect(ended).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  const nowhere = new Pool({ host: "127.0.0.1", port: 1, password: "secret" });
  const call = new PostgresDeduplicationStore(nowhere, "a").apply({ key: "a" }, () => {});
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE", cause: { code: "ECONNREFUSED" } });
  await expect(call).rejects.toThrow(expect.not.stringContaining("secret"));
  await nowhere.end();
});

test("partitions: made ahead, moved into, dropped", async () => {
  const pool = database.pool();
  const schema = "moving";
  const store = database.store("a", { schema, daysAhead: 1, retention: 3 * day });
  await store.createSchema();
  const partitions = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ name: string; n: number }>(
      "select c.relname as name from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = 'moving.snowshed_deduplication'::regclass order by 1",
    );
    return rows.map(({ name }) => name.replace("snowshed_deduplication_", ""));
  };
  const name = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll("-", "");
  const now = Date.now();
  expect(await partitions()).toEqual([name(now - day), name(now), name(now + day), "rest"]);
  // Without partitions yet: in _rest.
  const early = { key: "early", at: now - 2 * day };
  const future = { key: "future", at: now + 2 * day };
  const timeless = { key: "timeless" };
  for (const event of [early, future, timeless]) expect((await store.apply(event, () => {})).status).toBe("applied");
  const ahead = database.store("a", { schema, daysAhead: 2, retention: 3 * day });
  expect(await ahead.maintain()).toEqual({ created: 2, dropped: 0, deleted: 0 });
  expect(await partitions()).toEqual([...[-2, -1, 0, 1, 2].map((days) => name(now + days * day)), "rest"]);
  const rest = async (): Promise<number> =>
    (await pool.query<{ n: number }>("select count(*)::int as n from moving.snowshed_deduplication_rest")).rows[0]!.n;
  expect(await rest()).toBe(1);
  for (const event of [early, future, timeless]) expect((await store.apply(event, () => {})).status).toBe("duplicate");
  // Another, with a shorter memory, drops what this one would know: then it says so, and applies nothing again.
  await pool.query("update moving.snowshed_deduplication set first_seen = first_seen - interval '2 days'");
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await database.store("a", { schema, retention: day }).maintain()).toMatchObject({ deleted: 1 });
  expect(await rest()).toBe(0);
  await pool.query(`select * from moving.snowshed_deduplication_maintain(${day / 1000}, 1)`);
  expect(await partitions()).toEqual([...[-1, 0, 1, 2, 3].map((days) => name(now + days * day)), "rest"]);
  await expect(store.apply(early, () => expect.fail("again"))).rejects.toMatchObject({
    code: "SNOWSHED_EVENT_EXPIRED",
  });
  expect((await store.apply(future, () => {})).status).toBe("duplicate");
});

test("marks are found while they are moved", async () => {
  const schema = "busy";
  const store = database.store("a", { schema, daysAhead: 1, attempts: 50 });
  await store.createSchema();
  const at = Date.now() + 5 * day;
  let isOver = false;
  const counts = new Map<string, number>();
  const working = Array.from({ length: 4 }, async () => {
    for (let round = 0; !isOver; round++) {
      const key = `moved ${round}`;
      const { status } = await store.apply({ key, at }, () => {});
      if (status === "applied") counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  });
  await expect.poll(() => counts.size, { timeout: 20_000 }).toBeGreaterThan(50);
  const mover = database.store("a", { schema, daysAhead: 6 });
  await expect.poll(async () => (await mover.maintain()).created, { timeout: 20_000 }).toBeGreaterThan(0);
  const moved = counts.size;
  await expect.poll(() => counts.size, { timeout: 20_000 }).toBeGreaterThan(moved + 20);
  isOver = true;
  await Promise.all(working);
  expect([...counts.values()].filter((count) => count !== 1)).toEqual([]);
}, 60_000);

test.each([
  ["read committed", false],
  ["read committed", true],
  ["repeatable read", false],
  ["serializable", true],
] as const)(
  "what is dropped while a claim waits for it is expired: %s; duplicates expected: %o",
  async (isolation, expects) => {
    const schema = `dropping ${isolation} ${expects}`;
    const store = database.store("a", { schema, isolation });
    await store.createSchema();
    const at = Date.now();
    const event = { key: "before", at };
    await store.apply(event, () => {});
    // From the second duplicate on it asks for each event whether it is one.
    if (expects) for (const _ of "twice") await store.apply(event, () => expect.fail("it was run"));
    const dropper = await database.pool().connect();
    await dropper.query("begin");
    const today = new Date(at).toISOString().slice(0, 10);
    await dropper.query(`update "${schema}".snowshed_deduplication_horizon set dropped_before = $1`, [at + day]);
    await dropper.query(`drop table "${schema}".snowshed_deduplication_${today.replaceAll("-", "")}`);
    const waiting = store.applyBatch([event, { key: "no time" }], () => expect.fail("it was run"));
    const refused = expect(waiting).rejects.toMatchObject({ code: "SNOWSHED_EVENT_EXPIRED" });
    const isWaiting = async (): Promise<number | null> =>
      (await dropper.query("select from pg_locks where not granted")).rowCount;
    await expect.poll(isWaiting).toBeGreaterThan(0);
    await dropper.query("commit");
    dropper.release();
    await refused;
    expect((await store.apply({ key: "no time" }, () => {})).status).toBe("applied");
  },
);

test("an event that others stop remembering while it is claimed is applied or expired, not both", async () => {
  const schema = "expiring";
  const store = database.store("a", { schema });
  await store.createSchema();
  for (const _ of "twice") await store.apply({ key: "known" }, () => {});
  const at = Date.now();
  const other = await database.pool().connect();
  await other.query("begin");
  await other.query(
    `insert into ${schema}.snowshed_deduplication (event_time, consumer, key) values ($1, 'a', 'held')`,
    [at],
  );
  const ran: number[] = [];
  const waiting = store.applyEach(
    [
      { key: "early", at },
      { key: "held", at },
    ],
    (_, place) => ran.push(place),
  );
  const isWaiting = async (): Promise<number | null> =>
    (await database.pool().query("select from pg_locks where not granted")).rowCount;
  await expect.poll(isWaiting).toBeGreaterThan(0);
  await database.pool().query(`update ${schema}.snowshed_deduplication_horizon set dropped_before = $1`, [at + 1]);
  await other.query("rollback");
  other.release();
  const outcomes = await waiting;
  expect(outcomes.flatMap(({ status }, place) => (status === "applied" ? [place] : []))).toEqual(ran);
});

test("partitions are made and dropped beside a claim that comes to _rest last, without a deadlock", async () => {
  const schema = "order";
  const pool = database.pool({ options: "-c deadlock_timeout=10ms" });
  const store = database.store("a", { schema }, pool);
  await store.createSchema();
  const now = Date.now();
  const start = Math.floor(now / day - 20) * day;
  const name = new Date(start).toISOString().slice(0, 10).replaceAll("-", "");
  await pool.query(`create table "order".snowshed_deduplication_${name} partition of "order".snowshed_deduplication
    for values from (${start}) to (${start + day})`);
  const other = await pool.connect();
  await other.query("begin");
  await other.query(`insert into "order".snowshed_deduplication (event_time, consumer, key) values ($1, 'a', 'held')`, [
    now,
  ]);
  const isWaiting = async (mode: string): Promise<number | null> =>
    (await pool.query("select from pg_locks where not granted and mode = $1", [mode])).rowCount;
  const claim = store.applyBatch(
    [
      { key: "held", at: now },
      { key: "future", at: now + 50 * day },
    ],
    () => {},
  );
  await expect.poll(() => isWaiting("ShareLock")).toBe(1);
  const maintaining = database.store("b", { schema, daysAhead: 4 }, pool).maintain();
  await expect.poll(() => isWaiting("AccessExclusiveLock")).toBe(1);
  await other.query("rollback");
  other.release();
  expect((await claim).applied).toEqual([0, 1]);
  expect(await maintaining).toMatchObject({ created: 1 });
  expect(store.inspect().conflicts).toBe(0);
});

test("tables that are there are made again while effects run", async () => {
  const pool = database.pool({ options: "-c lock_timeout=200ms" });
  const store = database.store(fresh(), {}, pool);
  const made = store.apply({ key: "no time" }, () => store.createSchema());
  expect((await made).status).toBe("applied");
});

test("what the client makes of numbers does not matter", async () => {
  // pg reads 8 bytes wrongly here.
  const store = database.store(fresh(), {}, database.pool({ binary: true }));
  const at = Date.now();
  const statuses = async (): Promise<string[]> =>
    (await store.applyEach([{ key: "a", at }, { key: "b" }, { key: "old", at: 1 }], () => {})).map(
      ({ status }) => status,
    );
  expect(await statuses()).toEqual(["applied", "applied", "failed"]);
  expect(await statuses()).toEqual(["duplicate", "duplicate", "failed"]);
});

test("it looks after its partitions by itself", async () => {
  const options = { schema: "alone" };
  await database.pool().query(deduplicationSchema(options));
  const store = database.store("a", { ...options, maintainEvery: "1h" });
  await store.apply({ key: "a" }, () => {});
  const count = async (): Promise<number> =>
    (
      await database
        .pool()
        .query<{ n: number }>(
          "select count(*)::int as n from pg_inherits where inhparent = 'alone.snowshed_deduplication'::regclass",
        )
    ).rows[0]!.n;
  await expect.poll(count).toBe(6);
  expect(store.inspect().maintenanceFailure).toBeUndefined();
});

test.each([
  [{ retention: "23h" }],
  [{ retention: Number.NaN }],
  [{ retention: -1 }],
  [{ isolation: "read uncommitted" }],
  [{ isolation: "serializable; drop table effects" }],
  [{ attempts: 0 }],
  [{ attempts: 1.5 }],
  [{ commandTimeout: 0 }],
  [{ commandTimeout: Number.POSITIVE_INFINITY }],
  [{ connectTimeout: -1 }],
  [{ claimTimeout: "soon" }],
  [{ idleTimeout: 0 }],
  [{ maintainEvery: 0 }],
  [{ daysAhead: 0 }],
  [{ daysAhead: 101 }],
  [{ schema: "" }],
  [{ schema: "a\0" }],
  [{ table: "x".repeat(41) }],
  [{ table: "$maintain$" }],
  [{ schema: "$claim$" }],
  [{ table: 7 }],
])("options that mean nothing: %o", (options) => {
  expect(() => new PostgresDeduplicationStore(database.pool(), "a", options as never)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});

test.each([[""], [7], [null], ["a\0"], ["x".repeat(201)]])("names that are none: %o", (name) => {
  expect(() => new PostgresDeduplicationStore(database.pool(), name as never)).toThrow(
    expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }),
  );
});
