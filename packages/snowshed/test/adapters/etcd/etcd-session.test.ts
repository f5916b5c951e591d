// When a lease is over by this process's own clocks, whatever the server has to say, or does not.
import type { Clock } from "snowshed";
import { Context } from "snowshed";
import { expect, test } from "vitest";
import type { EtcdConnection } from "../../../src/adapters/etcd/etcd-connection.ts";
import { leaseGrant, leaseKeepAlive, leaseRevoke } from "../../../src/adapters/etcd/etcd-messages.ts";
import { EtcdSession, EtcdSessions } from "../../../src/adapters/etcd/etcd-session.ts";
import { LeaseContext } from "../../../src/adapters/etcd/semaphore-place.ts";
import { drained } from "../../support/promises.ts";

interface Answer {
  readonly answer: { readonly id: bigint; readonly ttl: bigint };
  readonly sentAt: number;
}

/** Clocks that stand still until a test moves them, timers that a test calls, and answers that it gives. */
class Scene implements Clock {
  monotonic = 1000;
  epoch = 5_000_000;
  readonly timers = new Set<{ readonly call: () => void; readonly at: number }>();
  readonly sent: { readonly path: string; readonly bound: number | undefined }[] = [];
  answer: (path: string) => Promise<Answer> = () => Promise.reject(new Error("no answer"));
  readonly timeout = 5000;

  now(): number {
    return this.monotonic;
  }

  date(): number {
    return this.epoch;
  }

  random(): number {
    return 0.5;
  }

  setTimeout(call: () => void, ms: number): () => void {
    const timer = { call, at: this.monotonic + ms };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Both clocks go on, and timers are called that are due. */
  async pass(ms: number): Promise<void> {
    this.monotonic += ms;
    this.epoch += ms;
    for (const timer of [...this.timers].filter(({ at }) => at <= this.monotonic)) {
      if (this.timers.delete(timer)) timer.call();
    }
    await drained();
  }

  get connection(): EtcdConnection {
    const call = ({ path }: { readonly path: string }, _request: object, bound?: number): Promise<Answer> => {
      this.sent.push({ path, bound });
      return this.answer(path);
    };
    return { clock: this, timeout: this.timeout, call } as unknown as EtcdConnection;
  }

  /** Asked for at 1000, answered 400 ms later. */
  async grant(ttl: number): Promise<EtcdSession> {
    const sentAt = this.monotonic;
    this.answer = async () => {
      await this.pass(400);
      return { answer: { id: 0xabcn, ttl: BigInt(ttl) }, sentAt };
    };
    const session = await EtcdSession.grant(this.connection, ttl);
    this.answer = () => new Promise(() => {});
    return session;
  }
}

const paths = (scene: Scene): string[] => scene.sent.map(({ path }) => path);

test("it counts from the moment at which it was asked for, less a hundredth and a margin, and needs no timer", async () => {
  const scene = new Scene();
  const session = await scene.grant(10);
  expect([session.id, session.lease, paths(scene)]).toEqual(["abc", 0xabcn, [leaseGrant.path]]);
  const over: unknown[] = [];
  session.onOver((error) => over.push(error));
  scene.monotonic = 1000 + 9800 - 1;
  expect([session.isLive, over]).toEqual([true, []]);
  scene.monotonic += 1;
  expect(session.isLive).toBe(false);
  expect(over).toEqual([expect.objectContaining({ code: "SNOWSHED_LEASE_LOST" })]);
  expect([session.isLive, over.length, scene.timers.size]).toEqual([false, 1, 0]);
});

test("nor the monotonic clock, which a machine that sleeps stops: the date ends it, too", async () => {
  const scene = new Scene();
  const session = await scene.grant(10);
  scene.epoch = 5_000_000 + 10_000 - 1;
  expect(session.isLive).toBe(true);
  scene.epoch += 1;
  expect(session.isLive).toBe(false);
});

test("who reads a context that hangs on it looks at the clock", async () => {
  const scene = new Scene();
  const session = await scene.grant(10);
  const context = new LeaseContext(Context.root({ clock: scene }), session);
  session.onOver((error) => context.cancel(error));
  expect(context.aborted).toBe(false);
  scene.monotonic += 20_000;
  expect([context.aborted, context.cause]).toEqual([true, expect.objectContaining({ code: "SNOWSHED_LEASE_LOST" })]);
});

test("a timer ends it, where nobody looks", async () => {
  const scene = new Scene();
  const session = await scene.grant(10);
  let over = 0;
  session.onOver(() => over++);
  await scene.pass(9399);
  expect(over).toBe(0);
  await scene.pass(1);
  expect(over).toBe(1);
});

test("a keep-alive is sent each third, and prolongs it from the moment at which it was sent", async () => {
  const scene = new Scene();
  const session = await scene.grant(9);
  await scene.pass(2999);
  expect(paths(scene)).toEqual([leaseGrant.path]);
  const sentAt = scene.monotonic + 1;
  scene.answer = async () => {
    scene.monotonic += 500;
    return { answer: { id: 0xabcn, ttl: 9n }, sentAt };
  };
  await scene.pass(1);
  expect(scene.sent.slice(1)).toEqual([{ path: leaseKeepAlive.path, bound: 3000 }]);
  scene.answer = () => new Promise(() => {});
  scene.monotonic = sentAt + 9000 * 0.99 - 100 - 1;
  expect(session.isLive).toBe(true);
  scene.monotonic += 1;
  expect(session.isLive).toBe(false);
});

test("one that fails is repeated soon; what it failed with is the cause, if none is answered", async () => {
  const scene = new Scene();
  const session = await scene.grant(9);
  const errors: unknown[] = [];
  session.onOver((error) => errors.push(error.cause));
  scene.answer = () => Promise.reject(new Error("away"));
  await scene.pass(3000);
  await scene.pass(200);
  await scene.pass(200);
  expect(paths(scene).length).toBe(4);
  await scene.pass(9000);
  expect([session.isLive, errors]).toEqual([false, [new Error("away")]]);
  await scene.pass(9000);
  expect(paths(scene).length).toBe(4);
});

test("the server says that it is over: it is", async () => {
  const scene = new Scene();
  const session = await scene.grant(9);
  scene.answer = async () => ({ answer: { id: 0xabcn, ttl: 0n }, sentAt: scene.monotonic });
  session.ask();
  await scene.pass(0);
  expect([session.isLive, scene.timers.size]).toEqual([false, 0]);
  session.ask();
  await session.end();
  expect(paths(scene)).toEqual([leaseGrant.path, leaseKeepAlive.path]);
});

test("those of one length share one, until the last has left; then it is given back, also if it comes only then", async () => {
  const scene = new Scene();
  let id = 1n;
  scene.answer = async () => ({ answer: { id: id++, ttl: 9n }, sentAt: scene.monotonic });
  const sessions = new EtcdSessions(scene.connection);
  const [a, b] = [{}, {}];
  const [first, second, other] = await Promise.all([sessions.join(a, 9), sessions.join(b, 9), sessions.join(a, 20)]);
  expect([first === second, first === other]).toEqual([true, false]);
  await sessions.leave(a, 9);
  expect(first.isLive).toBe(true);
  await sessions.leave(b, 9);
  await sessions.leave(b, 9);
  expect([first.isLive, other.isLive]).toEqual([false, true]);
  expect(paths(scene).filter((path) => path === leaseRevoke.path).length).toBe(1);
  // One that is lost is not given to the next that comes.
  other.lose("for a test");
  const next = await sessions.join(b, 20);
  expect([next === other, next.isLive]).toEqual([false, true]);
  const late = sessions.join(a, 30);
  await sessions.close();
  expect([(await late).isLive, next.isLive]).toEqual([false, false]);
  await expect(sessions.join(a, 9)).rejects.toMatchObject({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });
});
