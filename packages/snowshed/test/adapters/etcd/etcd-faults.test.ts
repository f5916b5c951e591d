// What becomes of those who hold and wait when the lease, the connection or etcd itself goes.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { createServer } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { classify, FatalError } from "snowshed";
import type { LeasePermit } from "snowshed/etcd";
import { EtcdClient, EtcdSemaphore } from "snowshed/etcd";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { runModule } from "../../support/child-process.ts";
import type { EtcdCluster } from "../../support/etcd.ts";
import { base64, startEtcd, until } from "../../support/etcd.ts";
import { observe, outcome } from "../../support/promises.ts";
import { freePort } from "../../support/server-programs.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { newName, useEtcd } from "./clients.ts";

const etcd = useEtcd();
const prefixOf = (name: string): string => `snowshed/semaphore/${name}/`;
const lost: unknown = expect.objectContaining({ code: "SNOWSHED_LEASE_LOST" });
const unavailable: unknown = expect.objectContaining({ code: "SNOWSHED_BACKEND_UNAVAILABLE" });

async function queued(semaphore: EtcdSemaphore, count: number): Promise<void> {
  await until(async () => (await semaphore.inspect()).queued === count, `${count} wait`);
}

async function leaseOf(semaphore: EtcdSemaphore, owner: string): Promise<string> {
  const { holders, waiters } = await semaphore.inspect();
  const { id } = [...holders, ...waiters].find((each) => each.owner === owner)!;
  return String(BigInt(`0x${id.split("-")[0]}`));
}

/** Forgets all history. */
async function compact(): Promise<void> {
  const { gateway } = etcd.cluster;
  const { header } = await gateway<{ readonly header: { readonly revision: string } }>("kv/range", {
    key: base64("x"),
  });
  await gateway("kv/compaction", { revision: header.revision, physical: true });
}

async function proxied(): Promise<{ readonly proxy: TcpProxy; readonly endpoints: string }> {
  const proxy = await startProxy(etcd.cluster.members[0]!.port);
  onTestFinished(async () => {
    proxy.restore();
    await proxy.stop();
  });
  return { proxy, endpoints: `127.0.0.1:${proxy.port}` };
}

describe("the lease", () => {
  test("revoked under a holder: its context aborts, and the next one is served", async () => {
    const name = newName();
    const one = new EtcdSemaphore(etcd.connect(), name, { permits: 1, lease: "60s", owner: "one" });
    const other = new EtcdSemaphore(etcd.connect(), name, { permits: 1, lease: "60s" });
    const permit = await one.permit();
    const next = other.permit();
    await queued(other, 1);
    expect(permit.context.aborted).toBe(false);
    await etcd.cluster.gateway("lease/revoke", { ID: await leaseOf(other, "one") });
    expect((await next).fence.token).toBeGreaterThan(permit.fence.token);
    await until(() => permit.context.aborted, "it has heard of it");
    expect(permit.context.cause).toEqual(lost);
    await permit.release();
    expect((await other.inspect()).held).toBe(1);
    // With another lease it goes on.
    await (await next).release();
    expect(await one.run(({ aborted }) => aborted)).toBe(false);
  });

  test("revoked under those who wait: they queue again, behind all others, and are served", async () => {
    const name = newName();
    const one = new EtcdSemaphore(etcd.connect(), name, { permits: 1, lease: "60s", owner: "one" });
    const other = new EtcdSemaphore(etcd.connect(), name, { permits: 1, lease: "60s" });
    const holder = await other.permit();
    const order: string[] = [];
    const first = one.run(() => order.push("first"));
    await queued(other, 1);
    const second = other.run(() => order.push("second"));
    await queued(other, 2);
    const lease = await leaseOf(other, "one");
    await etcd.cluster.gateway("lease/revoke", { ID: lease });
    await until(async () => (await leaseOf(other, "one")) !== lease, "it has come again");
    await holder.release();
    await Promise.all([first, second]);
    expect(order).toEqual(["second", "first"]);
  });

  test("a key that somebody has deleted is lost, the others of its lease are not", async () => {
    const one = new EtcdSemaphore(etcd.connect(), newName(), { permits: 2 });
    const [first, second] = await Promise.all([one.permit(), one.permit()]);
    const { holders } = await one.inspect();
    const { id } = holders.find(({ fence }) => fence.slot === first.fence.slot)!;
    await etcd.cluster.gateway("kv/deleterange", { key: base64(`${prefixOf(one.name)}w/${id}`) });
    await until(() => first.context.aborted, "it has heard of it");
    expect([first.context.cause, second.context.aborted]).toEqual([lost, false]);
    // What was left of it has gone, too.
    expect((await one.permit()).fence.slot).toBe(first.fence.slot);
  });

  test("keys under its lease that nobody has asked for are taken away", async () => {
    const one = new EtcdSemaphore(etcd.connect(), newName(), { permits: 3, owner: "one" });
    const permit = await one.permit();
    const { holders } = await one.inspect();
    const stray = `${holders[0]!.id.split("-").slice(0, 2).join("-")}-zzz`;
    const value = JSON.stringify({ weight: 1, owner: "late", since: 0 });
    const lease = await leaseOf(one, "one");
    const put = (key: string, text: string): Promise<object> =>
      etcd.cluster.gateway("kv/put", { key: base64(`${prefixOf(one.name)}${key}`), value: base64(text), lease });
    // As a request is carried out that was given up long ago.
    await put("s/2", stray);
    await put(`w/${stray}`, value);
    await until(async () => {
      const { held, queued: waiting } = await one.inspect();
      return held === 1 && waiting === 0;
    }, "it is gone");
    expect([...(await etcd.cluster.keys(`${prefixOf(one.name)}s/`)).keys()]).toEqual([`${prefixOf(one.name)}s/0`]);
    expect(permit.context.aborted).toBe(false);
  });
});

describe("the watch", () => {
  test("goes on after a compaction of what it had not seen, and nobody is forgotten", async () => {
    const { proxy, endpoints } = await proxied();
    const name = newName();
    const one = new EtcdSemaphore(etcd.connect({ endpoints, timeout: "20s" }), name, { permits: 2, lease: "60s" });
    const other = new EtcdSemaphore(etcd.connect(), name, { permits: 2, lease: "60s" });
    const kept = await one.permit();
    const taken = await other.permit();
    const waiting = one.permit();
    await queued(other, 1);
    proxy.cut();
    // What the other one does now is compacted away before the waiter can hear of it.
    await taken.release();
    await compact();
    proxy.restore();
    expect((await waiting).fence.slot).toBe(taken.fence.slot);
    expect([kept.context.aborted, await outcome(other.tryPermit())]).toEqual([false, expect.anything()]);
  });

  test("a holder that was lost in what was compacted away hears of it", async () => {
    const { proxy, endpoints } = await proxied();
    const one = new EtcdSemaphore(etcd.connect({ endpoints, timeout: "20s" }), newName(), { permits: 2, lease: "60s" });
    const [permit, other] = await Promise.all([one.permit(), one.permit()]);
    const waiting = one.permit();
    await queued(one, 1);
    proxy.cut();
    const control = new EtcdSemaphore(etcd.connect(), one.name, { permits: 2 });
    const { holders } = await control.inspect();
    await control.releaseHolder(holders.find(({ fence }) => fence.slot === permit.fence.slot)!.id);
    await compact();
    proxy.restore();
    expect((await waiting).fence.slot).toBe(permit.fence.slot);
    await until(() => permit.context.aborted, "it has heard of it");
    expect([permit.context.cause, other.context.aborted]).toEqual([lost, false]);
  });
});

describe("a connection that is cut off", () => {
  test.each(["halfOpen", "cut"] as const)(
    "%s: the holder's context aborts before the lease ends, who waits is told, every call ends in time",
    async (how) => {
      const { proxy, endpoints } = await proxied();
      const name = newName();
      const client = etcd.connect({ endpoints, timeout: "1s" });
      const one = new EtcdSemaphore(client, name, { permits: 1, lease: "3s" });
      const other = new EtcdSemaphore(etcd.connect(), name, { permits: 1 });
      await until(() => one.run(() => true), "it is connected");
      const permit = await one.permit();
      const next = other.permit();
      const waiting = one.permit();
      await queued(other, 2);
      proxy[how]();
      await expect(waiting).rejects.toEqual(unavailable);
      for (const call of [() => one.permit(), () => one.tryPermit(), () => one.inspect(), () => one.resize(2)]) {
        await expect(call()).rejects.toEqual(unavailable);
      }
      await expect(one.permit(1, { timeout: 100 })).rejects.toEqual(unavailable);
      let wasAborted: boolean | null = null;
      await next.then(() => {
        wasAborted = permit.context.aborted;
      });
      // Nobody has it while its last holder still believes to.
      expect([wasAborted, permit.context.cause]).toEqual([true, lost]);
      await permit.release();
      proxy.restore();
      await (await next).release();
      const again = (): Promise<boolean> => one.run(({ aborted }) => !aborted).catch(() => false);
      await until(again, "it is served again");
    },
  );

  test("answers that are lost leave nothing behind: what was granted unheard is given back", async () => {
    const { proxy, endpoints } = await proxied();
    const one = new EtcdSemaphore(etcd.connect({ endpoints, timeout: "2s" }), newName(), { permits: 1, lease: "60s" });
    await until(() => one.run(() => true), "it is connected");
    proxy.drop("down");
    const refused = expect(one.permit()).rejects.toEqual(unavailable);
    await until(
      async () => (await etcd.cluster.keys(prefixOf(one.name))).has(`${prefixOf(one.name)}s/0`),
      "it is granted",
    );
    await refused;
    proxy.restore();
    // The same process, with the same lease, gets it again.
    expect((await one.permit()).fence.slot).toBe(0);
    expect((await one.inspect()).held).toBe(1);
  });

  test("what cannot be given back now is when the server is back", async () => {
    const { proxy, endpoints } = await proxied();
    const name = newName();
    const one = new EtcdSemaphore(etcd.connect({ endpoints, timeout: "1s" }), name, { permits: 1, lease: "60s" });
    await until(() => one.run(() => true), "it is connected");
    const other = new EtcdSemaphore(etcd.connect(), name, { permits: 1 });
    const permit = await one.permit();
    const waiting = other.permit();
    await queued(other, 1);
    proxy.cut();
    const released = permit.release();
    expect(permit.context.aborted).toBe(true);
    await expect(released).rejects.toEqual(unavailable);
    expect(await outcome(waiting)).toEqual({ status: "pending" });
    proxy.restore();
    expect((await waiting).fence.slot).toBe(0);
  });

  test("run gives what its task gave, also when it cannot give back", async () => {
    const { proxy, endpoints } = await proxied();
    const one = new EtcdSemaphore(etcd.connect({ endpoints, timeout: "1s" }), newName(), { permits: 1 });
    await until(() => one.run(() => true), "it is connected");
    const run = one.run(() => {
      proxy.cut();
      return 42;
    });
    expect(await run).toBe(42);
  });
});

describe("the client", () => {
  test("closed under us: who waits is told, who holds is too, and so is who comes", async () => {
    const client = etcd.connect();
    const one = new EtcdSemaphore(client, newName(), { permits: 1 });
    const permit = await one.permit();
    const waiting = observe(one.permit());
    await queued(one, 1);
    const coming = observe(one.permit());
    await client.close();
    expect([permit.context.aborted, permit.context.cause]).toEqual([true, lost]);
    await until(() => coming.outcome.status !== "pending", "both are told");
    const refused = { status: "rejected", reason: unavailable };
    expect([waiting.outcome, coming.outcome]).toEqual([refused, refused]);
    for (const call of [() => one.permit(), () => one.tryPermit(), () => one.inspect(), () => one.resize(3)]) {
      await expect(call()).rejects.toEqual(unavailable);
    }
    await permit.release();
    await one.close();
    await client.close();
    expect((await etcd.cluster.keys(prefixOf(one.name))).size).toBe(1);
  });

  test("that has no server refuses in time, and goes on when there is one", async () => {
    const port = await freePort();
    const client = etcd.connect({ endpoints: `http://127.0.0.1:${port}`, timeout: "1500ms" });
    const one = new EtcdSemaphore(client, newName(), { permits: 1 });
    const from = performance.now();
    const error: unknown = await one.permit().catch((reason: unknown) => reason);
    expect([error, classify(error)]).toEqual([unavailable, "transient"]);
    expect((error as Error).message).toContain("ECONNREFUSED");
    expect((error as Error).cause).toMatchObject({ code: 14 });
    await expect(one.tryPermit()).rejects.toEqual(unavailable);
    // Bounded, with much room for a machine that is busy: the point is that it does end.
    expect(performance.now() - from).toBeLessThan(30_000);
  });

  test("finds the endpoint that answers among those that do not", async () => {
    const endpoints = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`, etcd.cluster.endpoints[0]!];
    const one = new EtcdSemaphore(etcd.connect({ endpoints }), newName(), { permits: 1 });
    expect(await one.run(() => "found")).toBe("found");
  });

  test("takes the module of its user, and his credentials", async () => {
    const asked: string[] = [];
    class Client extends grpc.Client {
      constructor(...args: ConstructorParameters<typeof grpc.Client>) {
        asked.push(args[0]);
        super(...args);
      }
    }
    const { endpoints } = etcd.cluster;
    const given = etcd.connect({ grpc: { ...grpc, Client }, credentials: grpc.credentials.createInsecure() });
    expect(await new EtcdSemaphore(given, newName(), { permits: 1 }).run(() => 1)).toBe(1);
    expect(asked).toEqual(endpoints);
    // A server that does not speak TLS is one that does not answer.
    const encrypted = etcd.connect({ endpoints: `https://${endpoints[0]}`, timeout: "500ms" });
    await expect(new EtcdSemaphore(encrypted, newName(), { permits: 1 }).permit()).rejects.toEqual(unavailable);
  });

  test("encrypts, and talks to nobody whose certificate it does not trust", async () => {
    const { key, cert } = selfSignedCertificate("localhost");
    const server = createServer({ key, cert, ALPNProtocols: ["h2"] }, (socket) => {
      const upstream = connect(etcd.cluster.members[0]!.port, "127.0.0.1");
      socket.pipe(upstream).pipe(socket);
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const endpoints = `https://localhost:${(server.address() as AddressInfo).port}`;
    const use = (client: EtcdClient): Promise<number> =>
      new EtcdSemaphore(client, newName(), { permits: 1 }).run(() => 42);
    expect(await use(etcd.connect({ endpoints, tls: { ca: cert } }))).toBe(42);
    const withoutScheme = etcd.connect({
      endpoints: endpoints.slice("https://".length),
      tls: { ca: Buffer.from(cert) },
    });
    expect(await use(withoutScheme)).toBe(42);
    const error: unknown = await use(etcd.connect({ endpoints, timeout: "3s" })).catch((reason: unknown) => reason);
    expect(error).toEqual(unavailable);
    expect((error as Error).message).toMatch(/certificate/);
  });

  test("that is closed lets its process end, whatever was under way", async () => {
    const [port, endpoint] = [await freePort(), etcd.cluster.endpoints[0]!];
    const { code, stdout, stderr } = await runModule(`
      import { EtcdClient, EtcdElection, EtcdSemaphore } from "snowshed/etcd";
      const client = new EtcdClient({ endpoints: "${endpoint}" });
      const semaphore = new EtcdSemaphore(client, "${newName()}", { permits: 1 });
      await semaphore.permit();
      semaphore.permit().catch(() => {});
      const election = new EtcdElection(client, "${newName()}", { lease: "2s" });
      await election.campaign("a");
      election.observe().next().catch(() => {});
      const away = new EtcdClient({ endpoints: "127.0.0.1:${port}", timeout: "1h" });
      const refused = new EtcdSemaphore(away, "a", { permits: 1 }).permit().catch((error) => error.code);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await Promise.all([client.close(), away.close()]);
      console.log(await refused);`);
    expect([code, stdout.trim(), stderr]).toEqual([0, "SNOWSHED_BACKEND_UNAVAILABLE", ""]);
  });

  test.each([
    ["endpoints", {}],
    ["endpoints", { endpoints: [] }],
    ["endpoints[0]", { endpoints: [""] }],
    ["endpoints[1]", { endpoints: ["a:1", 7] }],
    ["endpoints[0]", { endpoints: "localhost" }],
    ["endpoints[0]", { endpoints: "ftp://localhost:1" }],
    ["endpoints[0]", { endpoints: "http://localhost:1/path" }],
    ["timeout", { endpoints: "a:1", timeout: 0 }],
    ["timeout", { endpoints: "a:1", timeout: Infinity }],
    ["timeout", { endpoints: "a:1", timeout: Number.NaN }],
    ["username", { endpoints: "a:1", username: "root" }],
    ["username", { endpoints: "a:1", password: "root" }],
    ["tls", { endpoints: "a:1", tls: { cert: "a" } }],
    ["tls", { endpoints: "a:1", tls: { key: "a" } }],
  ])("%s: %j is refused", (word, options) => {
    let error: unknown;
    try {
      new EtcdClient(options as { endpoints: string });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "SNOWSHED_INVALID_ARGUMENT" });
    expect((error as Error).message.startsWith(word)).toBe(true);
  });
});

describe("a server with passwords", () => {
  let secured: EtcdCluster;

  beforeAll(async () => {
    secured = await startEtcd();
    const { gateway } = secured;
    await gateway("auth/user/add", { name: "root", password: "secret" });
    await gateway("auth/role/add", { name: "root" });
    await gateway("auth/user/grant", { user: "root", role: "root" });
    await gateway("auth/user/add", { name: "guest", password: "guest" });
    await gateway("auth/enable");
  }, 300_000);

  afterAll(async () => {
    await secured.remove();
  });

  const use = (options: object): Promise<number> => {
    const client = etcd.connect({ endpoints: secured.endpoints, ...options });
    return new EtcdSemaphore(client, newName(), { permits: 1 }).run(() => 42);
  };

  test("lets in who knows it, and tells others at once that no other attempt can work", async () => {
    expect(await use({ username: "root", password: "secret" })).toBe(42);
    for (const options of [
      {},
      { username: "root", password: "wrong" },
      { username: "nobody", password: "secret" },
      { username: "guest", password: "guest" },
    ]) {
      const error: unknown = await use(options).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FatalError);
      expect([classify(error), (error as Error).message]).toEqual(["fatal", expect.stringMatching(/^etcd: /)]);
    }
  });

  test("a password is of no harm where none is asked for", async () => {
    const client = etcd.connect({ username: "root", password: "secret" });
    expect(await new EtcdSemaphore(client, newName(), { permits: 1 }).run(() => 42)).toBe(42);
  });

  test("after a restart, which forgets all tokens, it goes on with another one", async () => {
    const client = etcd.connect({ endpoints: secured.endpoints, username: "root", password: "secret" });
    const one = new EtcdSemaphore(client, newName(), { permits: 1, lease: "60s" });
    const permit = await one.permit();
    const member = secured.members[0]!;
    await member.kill();
    const started = startAgain(member);
    await started;
    await until(async () => (await one.inspect()).held === 1, "it is asked again");
    await permit.release();
    expect(await one.run(() => 42)).toBe(42);
  });
});

/** Its gateway asks for a password now: that it answers at all is enough. */
async function startAgain(member: EtcdCluster["members"][number]): Promise<void> {
  await member.start();
}

test("a permit is typed as one of any backend", async () => {
  const one = new EtcdSemaphore(etcd.connect(), newName(), { permits: 1 });
  await using permit: LeasePermit = await one.permit();
  expect(permit.weight).toBe(1);
});
