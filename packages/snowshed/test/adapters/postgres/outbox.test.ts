import { FatalError } from "snowshed";
import type { EventDraft, MintedEvent, OutboxRelayOptions } from "snowshed/postgres";
import { Outbox, OutboxRelay } from "snowshed/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy } from "../../support/tcp-proxy.ts";
import { Database } from "./fixture.ts";

let database: Database;
let count = 0;
/** A table of its own for each test. */
let table = "";
beforeAll(async () => {
  database = await Database.start();
}, 60_000);
afterAll(() => database.stop());

async function setUp(options: object = {}): Promise<Outbox> {
  table = `outbox ${count++} "of" 'all'`;
  const outbox = new Outbox({ table, ...options });
  await outbox.createSchema(database.pool());
  return outbox;
}

/** A broker: what arrived, in order. */
class Broker {
  readonly events: MintedEvent[] = [];

  readonly send: OutboxRelayOptions["send"] = (events) => {
    this.events.push(...events);
  };

  get values(): string[] {
    return this.events.map(({ value }) => String(value));
  }
}

function relay(options: Partial<OutboxRelayOptions>, pool = database.pool()): OutboxRelay {
  return new OutboxRelay(pool, { table, send: () => {}, pollEvery: 20, commandTimeout: 2000, ...options });
}

const draft = (value: string, key: string | null = "k"): EventDraft => ({ topic: "t", type: "a.b", key, value });

test("tables that are there are made again while events are written", async () => {
  const outbox = await setUp();
  const client = await database.pool().connect();
  await client.query("begin");
  await outbox.enqueue(client, draft("first"));
  await outbox.createSchema(database.pool({ options: "-c lock_timeout=200ms" }));
  await client.query("commit");
  client.release();
  expect(await relay(new Broker()).drain()).toBe(1);
});

test("what is committed is sent, and what is not is not", async () => {
  const outbox = await setUp();
  const client = await database.pool().connect();
  await client.query("begin");
  await outbox.enqueue(client, draft("undone"));
  await client.query("rollback");
  await client.query("begin");
  const event = await outbox.enqueue(client, {
    topic: "orders",
    type: "order.paid",
    key: Buffer.from([0, 255]),
    value: null,
    traceId: "trace",
    partition: 3,
    headers: { "x-y": Buffer.from([0, 128, 255]), text: "ä", empty: "" },
  });
  const broker = new Broker();
  expect(await relay(broker).drain()).toBe(0);
  await client.query("commit");
  client.release();
  expect(await relay(broker).drain()).toBe(1);
  expect(broker.events).toEqual([event]);
  const { headers, ...rest } = broker.events[0]!;
  expect(rest).toEqual({ topic: "orders", key: Buffer.from([0, 255]), value: null, partition: 3 });
  expect([...headers.keys()]).toEqual(["x-y", "text", "empty", "trace_id", "event_type", "event_timestamp"]);
  expect(headers.get("x-y")).toEqual(Buffer.from([0, 128, 255]));
  expect(String(headers.get("trace_id"))).toBe("trace");
  expect(String(headers.get("event_timestamp"))).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(await relay(broker).drain()).toBe(0);
});

test("in the transaction of an effect: mark, effect and events are one", async () => {
  const outbox = await setUp();
  const store = database.store("with outbox");
  const event = { key: "in", at: Date.now() };
  const failing = store.apply(event, async (transaction) => {
    await outbox.enqueue(transaction, draft("failed"));
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  for (let round = 0; round < 2; round++) {
    await store.apply(event, (transaction) => outbox.enqueue(transaction, draft("done")));
  }
  const broker = new Broker();
  await relay(broker).drain();
  expect(broker.values).toEqual(["done"]);
});

test("in order for each key: of commits, with several relays at once, some of which fail", async () => {
  const outbox = await setUp();
  const pool = database.pool({ max: 12 });
  await pool.query("create table versions (key text primary key, version int)");
  await pool.query("insert into versions select 'key ' || g, 0 from generate_series(0, 4) g");
  const controller = new AbortController();
  const broker = new Broker();
  let sends = 0;
  const send: OutboxRelayOptions["send"] = async (events, context) => {
    await context.sleep(2);
    // It arrives, and nobody hears of it: all of it is sent again.
    broker.events.push(...events);
    if (++sends % 5 === 0) throw new Error("no answer");
  };
  const relays = [0, 1, 2].map(() =>
    relay({ send, batchSize: 7, concurrency: 3, backoff: { initial: 1 } }).run({ signal: controller.signal }),
  );
  // No row is locked before the event is: only the outbox keeps the order.
  await Promise.all(
    Array.from({ length: 10 }, async (_, worker) => {
      for (let round = 0; round < 20; round++) {
        const key = `key ${(worker + round) % 5}`;
        const client = await pool.connect();
        await client.query("begin");
        await outbox.enqueue(client, draft(`${worker} ${round}`, key));
        const text = "update versions set version = version + 1 where key = $1 returning version";
        const { rows } = await client.query<{ version: number }>(text, [key]);
        await client.query("select pg_sleep(0.001)");
        await client.query(`update "outbox ${count - 1} ""of"" 'all'" set value = $1 where value = $2`, [
          Buffer.from(`${key}: ${rows[0]!.version}`),
          Buffer.from(`${worker} ${round}`),
        ]);
        await client.query("commit");
        client.release();
      }
    }),
  );
  await expect.poll(async () => (await relay({}).backlog()).pending, { timeout: 20_000 }).toBe(0);
  controller.abort();
  await Promise.all(relays);
  for (let key = 0; key < 5; key++) {
    const versions: number[] = [];
    for (const value of broker.values) {
      const [name, version] = value.split(": ");
      // A repetition may come after what it repeats; a first time may not come early.
      if (name === `key ${key}` && !versions.includes(Number(version))) versions.push(Number(version));
    }
    expect(versions).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  }
}, 30_000);

test("a relay that is killed has sent what another one sends again, as the same events", async () => {
  const outbox = await setUp();
  const pool = database.pool();
  await outbox.enqueueAll(pool, [draft("1"), draft("2"), draft("3")]);
  const proxy = await startProxy(database.server.connection.port);
  const [first, second] = [new Broker(), new Broker()];
  const crashing = relay(
    {
      send: (events) => {
        void first.send(events, undefined as never);
        // As seen by the server: the process is gone before it has said what it sent.
        proxy.cut();
      },
    },
    database.pool({ port: proxy.port }),
  );
  await expect(crashing.drain()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  await expect.poll(() => relay(second).drain()).toBe(3);
  expect(second.events).toEqual(first.events);
  expect(second.values).toEqual(["1", "2", "3"]);
  await proxy.stop();
});

test("an event that can never be sent is put aside, and the others go on in order", async () => {
  const outbox = await setUp();
  const pool = database.pool();
  const broker = new Broker();
  let isDown = true;
  const picky = relay({
    send: (events) => {
      if (isDown || events.some(({ value }) => String(value) === "2")) throw new FatalError("message too large");
      broker.events.push(...events);
    },
  });
  await outbox.enqueueAll(pool, [draft("1"), draft("2"), draft("3")]);
  // Nothing goes through: that is not the fault of these events.
  await expect(picky.drain()).rejects.toThrow("message too large");
  expect(await picky.backlog()).toMatchObject({ pending: 3, parked: 0 });
  isDown = false;
  expect(await picky.drain()).toBe(3);
  expect(broker.values).toEqual(["1", "3"]);
  expect(await picky.backlog()).toMatchObject({ pending: 0, parked: 1, age: 0 });
  expect(picky.inspect()).toEqual({ sent: 2, parked: 1, failures: 0 });
  const name = `"outbox ${count - 1} ""of"" 'all'"`;
  expect((await pool.query<{ failure: string }>(`select failure from ${name}`)).rows[0]!.failure).toContain(
    "too large",
  );
  await pool.query(`update ${name} set parked_at = null`);
  expect(await relay(broker).drain()).toBe(1);
  expect(broker.values).toEqual(["1", "3", "2"]);
});

test("a broker that is down, and a send that hangs: told, waited for, and tried again", async () => {
  const outbox = await setUp();
  await outbox.enqueueAll(database.pool(), [draft("1"), draft("2")]);
  const broker = new Broker();
  const failures: unknown[] = [];
  let sends = 0;
  const controller = new AbortController();
  const trying = relay({
    send: async (events) => {
      sends++;
      if (sends === 1) throw new Error("down");
      if (sends === 2) await new Promise(() => {});
      broker.events.push(...events);
    },
    sendTimeout: 50,
    backoff: { initial: 5 },
    onFailure: (error) => failures.push(error),
  });
  const running = trying.run({ signal: controller.signal });
  await expect.poll(() => broker.values).toEqual(["1", "2"]);
  controller.abort();
  await running;
  expect(failures).toEqual([
    expect.objectContaining({ message: "down" }),
    expect.objectContaining({ code: "SNOWSHED_DEADLINE_EXCEEDED" }),
  ]);
  expect(trying.inspect()).toEqual({ sent: 2, parked: 0, failures: 2 });
});

test("it is told at once, and finds by itself what it was not told of", async () => {
  for (const [notify, listen, pollEvery] of [
    [true, true, 3_600_000],
    [false, true, 20],
    [true, false, 20],
  ] as const) {
    const outbox = await setUp({ notify });
    const broker = new Broker();
    const controller = new AbortController();
    const running = relay({ send: broker.send, listen, pollEvery }).run({ signal: controller.signal });
    for (const value of ["1", "2", "3"]) {
      await outbox.enqueue(database.pool(), draft(value));
      await expect.poll(() => broker.values).toContain(value);
    }
    controller.abort();
    await running;
  }
});

test("a listener whose connection breaks listens again", async () => {
  const outbox = await setUp();
  const proxy = await startProxy(database.server.connection.port);
  const broker = new Broker();
  const controller = new AbortController();
  const pool = database.pool({ port: proxy.port });
  const running = relay({ send: broker.send, pollEvery: 3_600_000 }, pool).run({ signal: controller.signal });
  await expect.poll(() => proxy.open).toBeGreaterThan(0);
  proxy.cut();
  proxy.restore();
  await outbox.enqueue(database.pool(), draft("1"));
  await expect.poll(() => broker.values, { timeout: 10_000 }).toEqual(["1"]);
  await outbox.enqueue(database.pool(), draft("2"));
  await expect.poll(() => broker.values, { timeout: 10_000 }).toEqual(["1", "2"]);
  controller.abort();
  await running;
  await proxy.stop();
});

test("what was sent is kept for a while, if asked for", async () => {
  const outbox = await setUp();
  const pool = database.pool();
  const broker = new Broker();
  const name = `"outbox ${count - 1} ""of"" 'all'"`;
  const left = async (): Promise<number> =>
    (await pool.query<{ n: number }>(`select count(*)::int as n from ${name}`)).rows[0]!.n;
  await outbox.enqueueAll(pool, [draft("1"), draft("2", null)]);
  const keeping = relay({ send: broker.send, keep: "1h" });
  expect(await keeping.drain()).toBe(2);
  expect([await left(), (await keeping.backlog()).pending]).toEqual([2, 0]);
  await pool.query(`update ${name} set sent_at = sent_at - interval '2 hours' where value = '1'`);
  const controller = new AbortController();
  const running = keeping.run({ signal: controller.signal });
  await expect.poll(left).toBe(1);
  controller.abort();
  await running;
});

test("two transactions that enqueue the same keys together are no deadlock", async () => {
  const outbox = await setUp();
  const pool = database.pool();
  await Promise.all(
    Array.from({ length: 20 }, async (_, round) => {
      const drafts = ["a", "b", "c"].map((key) => draft(`${key} ${round}`, key));
      await outbox.enqueueAll(pool, round % 2 === 0 ? drafts : drafts.toReversed());
    }),
  );
  expect((await relay({}).backlog()).pending).toBe(60);
  expect(await outbox.enqueueAll(pool, [])).toEqual([]);
});

test("identities differ, also at one moment of the clock", async () => {
  const outbox = await setUp();
  const drafts = Array.from({ length: 2000 }, () => ({ ...draft("x"), traceId: "one trace" }));
  const events = await outbox.enqueueAll(database.pool(), drafts);
  expect(new Set(events.map(({ headers }) => String(headers.get("event_timestamp")))).size).toBe(2000);
});

test("tables that are not there: it says what makes them", async () => {
  const outbox = new Outbox({ schema: "nowhere" });
  const hint = /snowshed delivery schema --apply/;
  await expect(outbox.enqueue(database.pool(), draft("1"))).rejects.toThrow(hint);
  const lost = relay({ schema: "nowhere" });
  for (const call of [() => lost.drain(), () => lost.backlog()]) {
    await expect(call()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
    await expect(call()).rejects.toThrow(hint);
  }
});

test.each([
  [null],
  [{}],
  [{ ...draft("1"), topic: "" }],
  [{ ...draft("1"), type: "a\nb" }],
  [{ ...draft("1"), traceId: "" }],
  [{ ...draft("1"), value: 7 }],
  [{ ...draft("1"), value: undefined }],
  [{ ...draft("1"), key: {} }],
  [{ ...draft("1"), partition: -1 }],
  [{ ...draft("1"), partition: 1.5 }],
  [{ ...draft("1"), headers: { "": "a" } }],
  [{ ...draft("1"), headers: { a: 7 } }],
])("events that are none: %o", async (event) => {
  const call = new Outbox().enqueue(database.pool(), event as never);
  await expect(call).rejects.toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
});

test.each([
  [{ send: undefined }],
  [{ batchSize: 0 }],
  [{ batchSize: 10_001 }],
  [{ batchSize: 1.5 }],
  [{ concurrency: 17 }],
  [{ sendTimeout: 0 }],
  [{ pollEvery: Number.NaN }],
  [{ listen: "yes" }],
  [{ keep: -1 }],
  [{ keep: Number.POSITIVE_INFINITY }],
  [{ onFailure: true }],
  [{ backoff: { initial: -1 } }],
  [{ table: "" }],
])("options that mean nothing: %o", (options) => {
  const invalid = expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }) as unknown as Error;
  expect(() => relay(options as never)).toThrow(invalid);
  expect(() => new OutboxRelay("postgres://a:secret@b" as never, { send: () => {} })).toThrow(
    expect.not.stringContaining("secret"),
  );
  expect(() => new Outbox({ notify: 1 as never })).toThrow(invalid);
});
