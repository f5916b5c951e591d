// Each transaction on a real etcd, as it may come: twice, late, and from who does not know what has happened since.
import { beforeEach, describe, expect, test } from "vitest";
import type { EtcdConnection } from "../../../src/adapters/etcd/etcd-connection.ts";
import type { TxnRequest, TxnResponse } from "../../../src/adapters/etcd/etcd-messages.ts";
import { leaseGrant, range, txn } from "../../../src/adapters/etcd/etcd-messages.ts";
import type { Asker } from "../../../src/adapters/etcd/semaphore-requests.ts";
import { SemaphoreRequests } from "../../../src/adapters/etcd/semaphore-requests.ts";
import { SemaphoreView } from "../../../src/adapters/etcd/semaphore-view.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd();
const value = { weight: 1, owner: "me", since: 1 };

let connection: EtcdConnection;
let requests: SemaphoreRequests;
let lease: bigint;
let [one, two]: readonly [Asker, Asker] = [
  { id: "1", lease: 0n },
  { id: "2", lease: 0n },
];

beforeEach(async () => {
  ({ connection } = etcd.connect());
  requests = new SemaphoreRequests(`r/${newName()}/`);
  lease = (await connection.call(leaseGrant, { ttl: 600n })).answer.id;
  [one, two] = [
    { id: "1", lease },
    { id: "2", lease },
  ];
  await send(requests.setPermits({ permits: 2, version: 0 }, new SemaphoreView(requests.prefix)));
});

async function send(request: TxnRequest): Promise<TxnResponse> {
  return (await connection.call(txn, request)).answer;
}

/** What is there now. */
async function look(): Promise<SemaphoreView> {
  const view = new SemaphoreView(requests.prefix);
  const { answer } = await connection.call(range, requests.everything);
  view.adopt(answer.kvs, answer.header!.revision);
  return view;
}

const slotsOf = (view: SemaphoreView, { id }: Asker): number[] => view.fences(id).map(({ slot }) => slot);

describe("entering", () => {
  test("twice is once: the slots and the place in the order are those of the first", async () => {
    const view = await look();
    const request = requests.enter(one, value, [0], view, false);
    const first = await send(request);
    expect(first.succeeded).toBe(true);
    const second = await send(request);
    expect([second.succeeded, second.responses.at(-1)?.range?.kvs.length]).toEqual([false, 3]);
    const now = await look();
    expect(now.fences("1")).toEqual([{ slot: 0, token: first.header!.revision }]);
    expect([now.places.size, now.places.get("1")?.createRevision]).toEqual([1, first.header!.revision]);
  });

  test("when somebody has come since: behind him, with no slots", async () => {
    const view = await look();
    await send(requests.queue(two, value));
    expect((await send(requests.enter(one, value, [0], view, false))).succeeded).toBe(false);
    const now = await look();
    expect([[...now.places.keys()], slotsOf(now, one)]).toEqual([["2", "1"], []]);
  });

  test("when the permits have changed since, or a slot is taken: with no slots", async () => {
    const view = await look();
    await send(requests.setPermits({ permits: 1, version: 1 }, view));
    expect((await send(requests.enter(one, value, [1], view, false))).succeeded).toBe(false);
    const newer = await look();
    await send(requests.enter(two, value, [0], newer, false));
    expect((await send(requests.enter({ id: "3", lease }, value, [0], await look(), false))).succeeded).toBe(false);
    const now = await look();
    expect([slotsOf(now, one), slotsOf(now, two), slotsOf(now, { id: "3", lease })]).toEqual([[], [0], []]);
  });

  test("or not at all, where it is tried only", async () => {
    const view = await look();
    await send(requests.queue(two, value));
    const answer = await send(requests.enter(one, value, [0], view, true));
    expect([answer.succeeded, [...(await look()).places.keys()]]).toEqual([false, ["2"]]);
  });
});

describe("queueing and claiming", () => {
  test("queueing twice is queueing once", async () => {
    const first = await send(requests.queue(one, value));
    await send(requests.queue(two, value));
    expect((await send(requests.queue(one, value))).succeeded).toBe(false);
    const now = await look();
    expect([...now.places.values()].map(({ id }) => id)).toEqual(["1", "2"]);
    expect(now.places.get("1")?.modRevision).toBe(first.header!.revision);
  });

  test("a claim counts once, also with other slots", async () => {
    const { revision } = (await send(requests.queue(one, value))).header!;
    const view = await look();
    expect((await send(requests.claim(one, value, revision, [0], view))).succeeded).toBe(true);
    expect((await send(requests.claim(one, value, revision, [0], view))).succeeded).toBe(false);
    expect((await send(requests.claim(one, value, revision, [1], view))).succeeded).toBe(false);
    expect(slotsOf(await look(), one)).toEqual([0]);
  });

  test("a claim of who does not know that the permits were made fewer changes nothing", async () => {
    const { revision } = (await send(requests.queue(one, value))).header!;
    const view = await look();
    await send(requests.setPermits({ permits: 1, version: 1 }, view));
    expect((await send(requests.claim(one, value, revision, [1], view))).succeeded).toBe(false);
    expect(slotsOf(await look(), one)).toEqual([]);
  });

  test("a claim of a slot that is taken, or of two of which one is, changes nothing", async () => {
    await send(requests.enter(two, value, [0], await look(), false));
    const { revision } = (await send(requests.queue(one, value))).header!;
    const view = await look();
    expect((await send(requests.claim(one, value, revision, [0], view))).succeeded).toBe(false);
    expect((await send(requests.claim(one, value, revision, [1, 0], view))).succeeded).toBe(false);
    const now = await look();
    expect([slotsOf(now, one), slotsOf(now, two)]).toEqual([[], [0]]);
  });

  test("a claim that comes after its place was left puts nothing there", async () => {
    const { revision } = (await send(requests.queue(one, value))).header!;
    const view = await look();
    await send(requests.leave("1", [0]));
    expect((await send(requests.claim(one, value, revision, [0], view))).succeeded).toBe(false);
    expect((await connection.call(range, requests.everything)).answer.kvs.length).toBe(1);
  });
});

describe("leaving", () => {
  test("takes no slots of others, whenever it comes", async () => {
    const view = await look();
    await send(requests.enter(one, value, [0], view, false));
    await send(requests.leave("1", [0]));
    await send(requests.enter(two, value, [0], await look(), false));
    await send(requests.leave("1", [0]));
    const now = await look();
    expect([[...now.places.keys()], slotsOf(now, two)]).toEqual([["2"], [0]]);
  });
});

describe("rewriting and setting", () => {
  test("what is not there, or is another one, is not written", async () => {
    const { revision } = (await send(requests.queue(one, value))).header!;
    expect((await send(requests.rewrite(one, { ...value, proposal: "a" }, revision))).succeeded).toBe(true);
    expect((await send(requests.rewrite(one, value, revision - 1n))).succeeded).toBe(false);
    expect((await look()).places.get("1")).toMatchObject({ proposal: "a", createRevision: revision });
    await send(requests.leave("1", []));
    expect((await send(requests.rewrite(one, value, revision))).succeeded).toBe(false);
    expect((await look()).places.size).toBe(0);
  });

  test("of two that set the permits at once, one has to look again", async () => {
    const view = await look();
    expect((await send(requests.setPermits({ permits: 3, version: 1 }, view))).succeeded).toBe(true);
    expect((await send(requests.setPermits({ permits: 4, version: 1 }, view))).succeeded).toBe(false);
    expect((await look()).permits).toEqual({ permits: 3, version: 1 });
  });

  test("keys of a lease that has ended are not put there", async () => {
    await etcd.cluster.gateway("lease/revoke", { ID: String(lease) });
    await expect(send(requests.queue(one, value))).rejects.toMatchObject({ cause: { code: 5 } });
  });
});
