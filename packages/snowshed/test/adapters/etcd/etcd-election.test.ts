// Who leads, on a real etcd.
import { CanceledError, Context, DeadlineExceededError } from "snowshed";
import type { EtcdClient, EtcdLeader } from "snowshed/etcd";
import { EtcdElection } from "snowshed/etcd";
import { expect, onTestFinished, test } from "vitest";
import { base64, until } from "../../support/etcd.ts";
import { observe } from "../../support/promises.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd();
const aText: unknown = expect.any(String);
const lost: unknown = expect.objectContaining({ code: "SNOWSHED_LEASE_LOST" });

function candidates(count: number): EtcdElection[] {
  const name = newName();
  return Array.from({ length: count }, () => new EtcdElection(etcd.connect(), name));
}

async function candidatesAre(election: EtcdElection, count: number): Promise<void> {
  const places = async (): Promise<number> => (await etcd.cluster.keys(`snowshed/election/${election.name}/w/`)).size;
  await until(async () => (await places()) === count, `${count} candidates`);
}

test("one leads, and the next one in their order after it, with a larger token", async () => {
  const [a, b, c] = candidates(3) as [EtcdElection, EtcdElection, EtcdElection];
  expect(await c.leader()).toBeUndefined();
  const first = await a.campaign("a");
  const second = b.campaign("b");
  await candidatesAre(a, 2);
  const third = observe(c.campaign("c"));
  await candidatesAre(a, 3);
  expect(await c.leader()).toEqual({ id: aText, value: "a", fence: first.fence });
  expect(first.fence.slot).toBe(0);
  await first.resign();
  expect([first.context.aborted, first.context.reason]).toEqual([true, expect.any(CanceledError)]);
  const leadership = await second;
  expect(leadership.fence.token).toBeGreaterThan(first.fence.token);
  expect(await a.leader()).toMatchObject({ value: "b", fence: leadership.fence });
  expect([third.outcome.status, leadership.context.aborted]).toEqual(["pending", false]);
  await first.resign();
  expect(await a.leader()).toMatchObject({ value: "b" });
});

test("proclaim changes what it says, until it leads no more", async () => {
  const [a, b] = candidates(2) as [EtcdElection, EtcdElection];
  const first = await a.campaign("");
  expect(await b.leader()).toMatchObject({ value: "" });
  await first.proclaim("grün 🌲");
  expect(await b.leader()).toMatchObject({ value: "grün 🌲", fence: first.fence });
  const [key] = (await etcd.cluster.keys(`snowshed/election/${a.name}/w/`)).keys();
  await etcd.cluster.gateway("kv/deleterange", { key: base64(key!) });
  await expect(first.proclaim("late")).rejects.toEqual(lost);
  await expect(first.proclaim("later")).rejects.toEqual(lost);
  expect([first.context.aborted, first.context.cause]).toEqual([true, lost]);
  expect(await b.leader()).toBeUndefined();
  // What was left of it has gone, too.
  const second = await b.campaign("x");
  await second.resign();
  await expect(second.proclaim("y")).rejects.toEqual(lost);
});

test("who gives up is no candidate any more", async () => {
  const [a, b, c] = candidates(3) as [EtcdElection, EtcdElection, EtcdElection];
  const first = await a.campaign("a");
  const context = Context.background.withCancel();
  const second = b.campaign("b", { signal: context });
  await candidatesAre(a, 2);
  const third = c.campaign("c");
  await candidatesAre(a, 3);
  context.cancel();
  await expect(second).rejects.toThrow(CanceledError);
  await expect(b.campaign("b", { signal: context })).rejects.toThrow(CanceledError);
  await expect(b.campaign("b", { timeout: 50 })).rejects.toThrow(DeadlineExceededError);
  await candidatesAre(a, 2);
  await first[Symbol.asyncDispose]();
  expect((await third).context.aborted).toBe(false);
});

test("closing resigns, and refuses who campaigns", async () => {
  const [a, b] = candidates(2) as [EtcdElection, EtcdElection];
  const first = await a.campaign("a");
  const second = observe(a.campaign("again"));
  await candidatesAre(a, 2);
  await a.close();
  await until(() => second.outcome.status !== "pending", "it is told");
  expect(second.outcome).toMatchObject({ status: "rejected", reason: { code: "SNOWSHED_CANCELED" } });
  expect(first.context.aborted).toBe(true);
  await expect(a.campaign("a")).rejects.toThrow(`the election "${a.name}" is closed`);
  expect(await b.leader()).toBeUndefined();
});

test("observe gives who leads now, and each change", async () => {
  const [a, b, watcher] = candidates(3) as [EtcdElection, EtcdElection, EtcdElection];
  const seen: (EtcdLeader | undefined)[] = [];
  const context = Context.background.withCancel();
  const observing = (async () => {
    for await (const leader of watcher.observe({ signal: context })) seen.push(leader);
  })();
  const reaches = (count: number): Promise<void> => until(() => seen.length === count, `${count} are seen`);
  await reaches(1);
  const first = await a.campaign("a");
  await reaches(2);
  const next = b.campaign("b");
  await first.proclaim("a2");
  await reaches(3);
  await first.resign();
  const second = await next;
  await until(() => seen.at(-1)?.value === "b", "the next one is seen");
  await second.resign();
  await until(() => seen.at(-1) === undefined, "that nobody leads is seen");
  context.cancel();
  await expect(observing).rejects.toThrow(CanceledError);
  const values = seen.map((leader) => leader?.value);
  expect(values.slice(0, 3)).toEqual([undefined, "a", "a2"]);
  // Between two leaders nobody leads: who looks then sees that.
  expect(values.slice(3).filter((value) => value !== undefined)).toEqual(["b"]);
  expect(seen[2]!.fence).toEqual(first.fence);
  // Who looks once need not go on.
  const leaders = watcher.observe();
  expect(await leaders.next()).toEqual({ done: false, value: undefined });
  expect(await leaders.return()).toEqual({ done: true, value: undefined });
});

test("an observer that is slow gets the latest, one that is cut off is told", async () => {
  const proxy = await startProxy(etcd.cluster.members[0]!.port);
  onTestFinished(() => proxy.stop());
  const [a] = candidates(1) as [EtcdElection];
  const endpoints = `127.0.0.1:${proxy.port}`;
  const watcher = new EtcdElection(etcd.connect({ endpoints, timeout: "1500ms" }), a.name);
  const leaders = watcher.observe();
  expect(await leaders.next()).toEqual({ done: false, value: undefined });
  const leadership = await a.campaign("1");
  for (const value of ["2", "3", "4"]) await leadership.proclaim(value);
  let latest: EtcdLeader | undefined;
  for (let count = 0; latest?.value !== "4"; count++) {
    latest = (await leaders.next()).value as EtcdLeader | undefined;
    expect(count).toBeLessThan(4);
  }
  proxy.cut();
  await expect(leaders.next()).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
  expect(await leaders.next()).toEqual({ done: true, value: undefined });
});

test("a leader whose lease ends hears of it before another one is elected", async () => {
  const proxy = await startProxy(etcd.cluster.members[0]!.port);
  onTestFinished(() => proxy.stop());
  const [b] = candidates(1) as [EtcdElection];
  const a = new EtcdElection(etcd.connect({ endpoints: `127.0.0.1:${proxy.port}`, timeout: "5s" }), b.name, {
    lease: "3s",
  });
  const first = await a.campaign("a");
  const next = b.campaign("b");
  await candidatesAre(b, 2);
  proxy.halfOpen();
  const aborted = next.then(() => first.context.aborted);
  expect([await aborted, first.context.cause]).toEqual([true, lost]);
  await expect(first.proclaim("still me")).rejects.toEqual(lost);
});

test.each([
  ["client", () => new EtcdElection({} as EtcdClient, "a")],
  ["name", () => new EtcdElection(etcd.connect(), "")],
  ["lease", () => new EtcdElection(etcd.connect(), "a", { lease: 1000 })],
  ["owner", () => new EtcdElection(etcd.connect(), "a", { owner: "" })],
  ["prefix", () => new EtcdElection(etcd.connect(), "a", { prefix: 1 as never })],
])("misuse: %s", (word, action) => {
  expect(action).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  expect(action).toThrow(new RegExp(`^${word}`));
});

test("misuse: values and waits", async () => {
  const [a] = candidates(1) as [EtcdElection];
  const invalid = { code: "SNOWSHED_INVALID_ARGUMENT" };
  await expect(a.campaign(7 as never)).rejects.toMatchObject(invalid);
  await expect(a.campaign("\uD800")).rejects.toMatchObject(invalid);
  await expect(a.campaign("a", { timeout: Number.NaN })).rejects.toMatchObject(invalid);
  await expect(a.campaign("a", { signal: 1 as never })).rejects.toMatchObject(invalid);
  await using leadership = await a.campaign("a");
  await expect(leadership.proclaim(undefined as never)).rejects.toMatchObject(invalid);
  expect(await a.leader()).toMatchObject({ value: "a" });
});
