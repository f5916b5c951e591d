// When what a message granted is claimed, by a clock that the test sets and a server that says what the test says.
import { Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { beforeEach, expect, test } from "vitest";
import type { DedicatedPort, RedisPort } from "../../../src/adapters/redis/port.ts";
import { SemaphoreHub } from "../../../src/adapters/redis/semaphore-hub.ts";
import type { HeldLease } from "../../../src/adapters/redis/semaphore-lease.ts";
import { planOf } from "../../../src/adapters/redis/semaphore-options.ts";

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
});

/** Whose requests are all queued, and whose messages the test sends. */
class Server implements RedisPort {
  readonly isSharded = false;
  readonly claimed: string[] = [];
  say: (message: string) => void = () => {};

  run(_: unknown, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    expect(keys).toHaveLength(3);
    if (args[0] === "p") this.claimed.push(...args.slice(7).map(String));
    const kind = String(args[0]).startsWith("\n") ? "Q" : "B";
    return Promise.resolve(`${kind}\n20000 0 1 2 0 ${1_790_000_000_000 + clock.now()}`);
  }

  append(): Promise<unknown> {
    return Promise.resolve(7);
  }

  subscribe(_: string, onMessage: (message: string) => void): Promise<() => Promise<void>> {
    this.say = onMessage;
    return Promise.resolve(() => Promise.resolve());
  }

  dedicated(): Promise<DedicatedPort> {
    return Promise.reject(new Error("there is none"));
  }
}

/** Two that wait, and their ids. */
async function begin(): Promise<{ server: Server; hub: SemaphoreHub; ids: string[]; waiting: Promise<HeldLease>[] }> {
  const server = new Server();
  const hub = new SemaphoreHub(server, planOf("jobs", { permits: 2, clock }));
  const root = Context.root({ clock });
  const owner = { name: "jobs", lost: 0, began: (): void => {}, ended: (): void => {} };
  const waiting = [1, 2].map(() => hub.acquire(owner, 1, false, null, 60_000, root, null) as Promise<HeldLease>);
  await clock.advance(1);
  server.claimed.length = 0;
  return { server, hub, ids: [...hub.requests.keys()], waiting };
}

/** As the server says that it was granted `ago` ms before now. */
const granted = (id: string, ago: number): string =>
  `g ${id} 0 1790000000000000 ${1_790_000_000_000 + clock.now() - ago + 2000} 2000`;

test("a grant is claimed when an eighth of its short lease is over, and not if it was given back by then", async () => {
  const { server, hub, ids, waiting } = await begin();
  server.say(granted(ids[0]!, 0));
  server.say(granted(ids[1]!, 0));
  await (await waiting[0]!).release();
  await clock.advance(200);
  expect(server.claimed).toEqual([]);
  await clock.advance(50);
  expect(server.claimed).toEqual([ids[1]]);
  await (await waiting[1]!).release();
  await hub.close();
});

test("one whose message came late is claimed before it ends, also while another is to be claimed later", async () => {
  const { server, hub, ids, waiting } = await begin();
  await clock.advance(5000);
  server.claimed.length = 0;
  server.say(granted(ids[0]!, 0));
  server.say(granted(ids[1]!, 1900));
  const late = await waiting[1]!;
  await clock.advance(40);
  expect(server.claimed).toContain(ids[1]);
  await clock.advance(500);
  expect([late.lost, server.claimed.toSorted()]).toEqual([null, ids.toSorted()]);
  await Promise.all([late.release(), (await waiting[0]!).release()]);
  await hub.close();
});
