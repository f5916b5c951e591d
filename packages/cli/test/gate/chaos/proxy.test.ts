import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FaultProxy } from "../../../src/gate/chaos/proxy.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import type { Toxic } from "../../../src/gate/chaos/toxics.ts";
import { toToxic } from "../../../src/gate/chaos/toxics.ts";

// Real sockets and processes on a busy machine: what hangs is to be seen, what is slow is not to fail.
vi.setConfig({ testTimeout: 120_000 });

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server that answers with what it gets. */
function echo(): Promise<number> {
  return listening(createServer((socket) => void socket.on("error", () => {}).pipe(socket)));
}

async function proxyOf(port: number): Promise<FaultProxy> {
  const proxy = new FaultProxy({ host: "127.0.0.1", port: 0 }, { host: "127.0.0.1", port });
  await proxy.start();
  onTestFinished(() => proxy.stop());
  return proxy;
}

class Client {
  readonly socket: Socket;
  text = "";
  ended: string | null = null;
  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (bytes: Buffer) => (this.text += bytes.toString("latin1")));
    this.socket.on("error", (error) => (this.ended = (error as NodeJS.ErrnoException).code ?? ""));
    this.socket.on("end", () => (this.ended ??= "end"));
    onTestFinished(() => void this.socket.destroy());
  }
  has(text: string): Promise<void> {
    return expect.poll(() => this.text, { timeout: 5000, interval: 5 }).toBe(text);
  }
}

function toxic(type: string, attributes: object = {}, more: object = {}): Toxic {
  return toToxic({ type, attributes, ...more });
}

describe("the proxy", () => {
  test("delays what the server answers, and what waits goes on at heal", async () => {
    const proxy = await proxyOf(await echo());
    const client = new Client(proxy.port);
    client.socket.write("a");
    await client.has("a");
    proxy.add(toxic("latency", { latency: 80 }));
    const start = performance.now();
    client.socket.write("b");
    await client.has("ab");
    expect(performance.now() - start).toBeGreaterThan(79);
    proxy.replace(toxic("latency", { latency: 600_000 }));
    client.socket.write("c");
    await expect.poll(() => proxy.open).toBe(1);
    proxy.removeAll();
    await client.has("abc");
  });

  test("every byte arrives, in order, whatever is injected and taken back while it passes", async () => {
    const port = await echo();
    const piece = fc.record({
      size: fc.integer({ min: 1, max: 3000 }),
      toxic: fc.option(
        fc.constantFrom(
          toxic("latency", { latency: 3, jitter: 3 }),
          toxic("loss", { percent: 50, hold: 5 }),
          toxic("black_hole"),
          toxic("black_hole", {}, { stream: "upstream" }),
          toxic("bandwidth", { rate: 5000 }),
          toxic("slicer", { average_size: 100, delay: 100 }),
        ),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
        const proxy = await proxyOf(port);
        const client = new Client(proxy.port);
        let sent = "";
        for (const [index, { size, toxic: next }] of pieces.entries()) {
          proxy.removeAll();
          if (next !== undefined) proxy.add(next);
          const text = String.fromCharCode(97 + index).repeat(size);
          sent += text;
          client.socket.write(text);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
        proxy.removeAll();
        await client.has(sent);
        await proxy.stop();
      }),
      { numRuns: 12 },
    );
  });

  test("bandwidth: 20 kB at 100 kB per second take a fifth of a second", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("bandwidth", { rate: 100 }));
    const client = new Client(proxy.port);
    const start = performance.now();
    client.socket.write("x".repeat(20_000));
    await client.has("x".repeat(20_000));
    // The last tenth of a second passes behind the last piece.
    expect(performance.now() - start).toBeGreaterThan(99);
  });

  test("reset: connections that are there and new ones are reset, and after heal they are not", async () => {
    const proxy = await proxyOf(await echo());
    const before = new Client(proxy.port);
    before.socket.write("a");
    await before.has("a");
    proxy.add(toxic("reset_peer"));
    await expect.poll(() => before.ended).toBe("ECONNRESET");
    const during = new Client(proxy.port);
    await expect.poll(() => during.ended).toBe("ECONNRESET");
    proxy.remove("reset_peer_downstream");
    const after = new Client(proxy.port);
    after.socket.write("b");
    await after.has("b");
  });

  test("black hole: nothing passes, nobody is told; with kill the connections end at heal", async () => {
    const servers: Socket[] = [];
    const proxy = await proxyOf(
      await listening(createServer((socket) => void servers.push(socket.on("error", () => {})))),
    );
    const client = new Client(proxy.port);
    await expect.poll(() => servers.length).toBe(1);
    proxy.add(toxic("black_hole", { kill: 1 }));
    servers[0]!.write("lost");
    servers[0]!.end();
    client.socket.write("more");
    await expect.poll(() => servers[0]!.bytesWritten).toBe(4);
    expect([client.text, client.ended]).toEqual(["", null]);
    proxy.removeAll();
    await expect.poll(() => client.ended).toBe("ECONNRESET");
    expect(client.text).toBe("");
  });

  test("half-open: the server's side is gone and the client is not told; new connections work", async () => {
    const proxy = await proxyOf(await echo());
    const old = new Client(proxy.port);
    old.socket.write("a");
    await old.has("a");
    proxy.add(toxic("half_open", {}, { stream: "upstream" }));
    old.socket.write("b");
    const fresh = new Client(proxy.port);
    fresh.socket.write("c");
    await fresh.has("c");
    expect([old.text, old.ended]).toEqual(["a", null]);
    proxy.removeAll();
    await expect.poll(() => old.ended).toBe("ECONNRESET");
    expect(fresh.ended).toBeNull();
  });

  test("a slow connect: what is sent at first waits for it", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("connect_latency", { latency: 80 }));
    const start = performance.now();
    const client = new Client(proxy.port);
    client.socket.write("a");
    await client.has("a");
    expect(performance.now() - start).toBeGreaterThan(79);
  });

  test("toxicity 0 touches no connection", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("black_hole", {}, { toxicity: 0 }));
    const client = new Client(proxy.port);
    client.socket.write("a");
    await client.has("a");
  });

  test("a server that is not there ends the connection", async () => {
    const server = createServer();
    const port = await listening(server);
    server.close();
    const client = new Client((await proxyOf(port)).port);
    await expect.poll(() => client.ended).toBe("ECONNRESET");
  });
});

describe("the API of Toxiproxy", () => {
  async function start(): Promise<
    (method: string, path: string, body?: unknown, headers?: object) => Promise<[number, unknown]>
  > {
    const api = new ToxiproxyApi(new AllowList(undefined));
    const { port } = await api.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(() => api.close());
    return async (method, path, body, headers = {}) => {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { "user-agent": "test", ...headers },
        ...(body !== undefined && { body: text }),
      });
      const answer = await response.text();
      return [response.status, answer === "" ? null : (JSON.parse(answer) as unknown)];
    };
  }

  test("proxies and toxics are made, shown, changed and removed", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    expect(await call("GET", "/version")).toEqual([200, { version: "2.12.0" }]);
    const [created, proxy] = await call("POST", "/proxies", { name: "a", listen: "127.0.0.1:0", upstream });
    expect([created, proxy]).toMatchObject([201, { name: "a", upstream, enabled: true, toxics: [] }]);
    const { listen } = proxy as { readonly listen: string };
    expect(await call("POST", "/proxies", { name: "a", upstream })).toMatchObject([
      409,
      { error: "proxy already exists" },
    ]);
    const latency = {
      name: "slow",
      type: "latency",
      stream: "upstream",
      toxicity: 1,
      attributes: { latency: 40, jitter: 0 },
    };
    expect(await call("POST", "/proxies/a/toxics", latency)).toEqual([200, latency]);
    expect(await call("POST", "/proxies/a/toxics", latency)).toMatchObject([409, { error: "toxic already exists" }]);
    expect(await call("PATCH", "/proxies/a/toxics/slow", { attributes: { latency: 50 } })).toMatchObject([
      200,
      { attributes: { latency: 50, jitter: 0 } },
    ]);
    expect(await call("GET", "/proxies")).toMatchObject([200, { a: { toxics: [{ name: "slow" }] } }]);
    expect(await call("POST", "/populate", [{ name: "a", listen, upstream }])).toMatchObject([
      201,
      { proxies: [{ name: "a", toxics: [{ name: "slow" }] }] },
    ]);
    expect(await call("POST", "/proxies/a", { enabled: false })).toMatchObject([200, { enabled: false }]);
    expect(await call("POST", "/reset")).toEqual([204, null]);
    expect(await call("GET", "/proxies/a")).toMatchObject([200, { enabled: true, toxics: [], listen }]);
    expect(await call("DELETE", "/proxies/a")).toEqual([204, null]);
    expect(await call("GET", "/proxies/a")).toMatchObject([404, { error: "proxy not found", status: 404 }]);
  });

  test.each([
    ["POST", "/proxies", { name: "a" }, 400],
    ["POST", "/proxies", { name: "a", upstream: "192.0.2.1:80" }, 403],
    ["POST", "/proxies", { name: "a", upstream: "127.0.0.1:1", listen: "0.0.0.0:0" }, 403],
    ["POST", "/proxies", { name: "../x", upstream: "127.0.0.1:1" }, 400],
    ["POST", "/proxies", "{", 400],
    ["POST", "/proxies", "[]", 400],
    ["POST", "/proxies", `"${"x".repeat(70_000)}"`, 413],
    ["POST", "/proxies/none/toxics", { type: "latency" }, 404],
    ["GET", "/other", undefined, 404],
    ["GET", "/proxies/%ZZ", undefined, 404],
    ["DELETE", "/proxies", undefined, 405],
    // As toxiproxy-server 2.12.0 has it, which is compared with this by npm run engines.
    ["POST", "/proxies", "", 400],
    ["POST", "/proxies", { name: "a", upstream: "127.0.0.1:1", enabled: "no" }, 400],
    ["POST", "/proxies/none", "{", 404],
    ["POST", "/proxies/none/toxics", "{", 404],
    ["POST", "/populate", "", 400],
    ["POST", "/populate", { name: "a", upstream: "127.0.0.1:1" }, 400],
    ["POST", "/populate", [{ name: "a", upstream: "127.0.0.1:1", enabled: "no" }], 400],
  ])("%s %s %j is refused with %i", async (method, path, body, status) => {
    const call = await start();
    expect((await call(method, path, body))[0]).toBe(status);
  });

  test("what changes something must be an object that says what; what resets need say nothing", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    await call("POST", "/proxies", { name: "a", upstream });
    await call("POST", "/proxies/a/toxics", { type: "noop", name: "t" });
    for (const path of ["/proxies/a", "/proxies/a/toxics", "/proxies/a/toxics/t"]) {
      expect([path, (await call("POST", path, ""))[0]]).toEqual([path, 400]);
    }
    expect((await call("POST", "/proxies/a", { enabled: "no" }))[0]).toBe(400);
    expect(await call("POST", "/populate", "{")).toMatchObject([400, { proxies: [] }]);
    const [moved] = await call("POST", "/populate", [{ name: "a", upstream: "127.0.0.1:1", enabled: "no" }]);
    expect([moved, (await call("GET", "/proxies/a"))[1]]).toMatchObject([400, { upstream, enabled: true }]);
    expect(await call("POST", "/reset", "{")).toEqual([204, null]);
    expect((await call("GET", "/proxies/a"))[1]).toMatchObject({ enabled: true, toxics: [] });
    expect(toToxic({ type: "latency", stream: "UPSTREAM" }).stream).toBe("upstream");
  });

  test("toxics that are none are refused", () => {
    for (const wrong of [
      null,
      {},
      { type: "__proto__" },
      { type: "latency", stream: "sideways" },
      { type: "latency", toxicity: 2 },
      { type: "latency", attributes: { latency: -1 } },
      { type: "latency", attributes: { latency: 2 ** 31 } },
      { type: "loss", attributes: { percent: 101 } },
    ]) {
      expect(() => toToxic(wrong)).toThrow(expect.objectContaining({ status: 400 }));
    }
  });

  test("not for browsers, under no other name, and not beyond loopback", async () => {
    const call = await start();
    expect((await call("GET", "/proxies", undefined, { "user-agent": "Mozilla/5.0" }))[0]).toBe(403);
    await expect(new ToxiproxyApi(new AllowList(undefined)).listen({ host: "0.0.0.0", port: 0 })).rejects.toThrow(
      "loopback",
    );
  });
});
