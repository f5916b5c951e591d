import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FaultProxy } from "../../../src/gate/chaos/proxy.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import type { Toxic } from "../../../src/gate/chaos/toxics.ts";
import { toToxic } from "../../../src/gate/chaos/toxics.ts";

// Real sockets and processes on a busy machine: what hangs is to be seen, what is slow is not to fail.
vi.setConfig({ testTimeout: 120_000 });

// What a fault leaves behind when it is taken back early, large transfers, many connections, and callers of the API.

async function listening(server: Server, host = "127.0.0.1"): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function echo(host?: string): Promise<number> {
  return listening(
    createServer((socket) => void socket.on("error", () => {}).pipe(socket)),
    host,
  );
}

async function proxyOf(port: number, host = "127.0.0.1"): Promise<FaultProxy> {
  const proxy = new FaultProxy({ host, port: 0 }, { host, port });
  await proxy.start();
  onTestFinished(() => proxy.stop());
  return proxy;
}

class Client {
  readonly socket: Socket;
  text = "";
  ended = false;
  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect(port, host);
    this.socket.on("data", (bytes: Buffer) => (this.text += bytes.toString("latin1")));
    this.socket.on("error", () => (this.ended = true));
    this.socket.on("end", () => (this.ended = true));
    onTestFinished(() => void this.socket.destroy());
  }
  async says(text: string): Promise<void> {
    const before = this.text;
    this.socket.write(text);
    await expect.poll(() => this.text, { timeout: 5000, interval: 5 }).toBe(before + text);
  }
}

function toxic(type: string, attributes: object = {}, more: object = {}): Toxic {
  return toToxic({ type, attributes, ...more });
}

/** Later than a timer of the proxy that was set before and takes at most `ms`. */
function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms + 20));
}

describe("a fault that is taken back early is gone", () => {
  test("a slow connect: who waits is let through at once", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("connect_latency", { latency: 600_000 }));
    const client = new Client(proxy.port);
    await once(client.socket, "connect");
    client.socket.write("a");
    // Another one changes nothing for it.
    proxy.add(toxic("latency", { latency: 1 }));
    proxy.remove("latency_downstream");
    expect([proxy.open, client.ended]).toEqual([0, false]);
    proxy.removeAll();
    await expect.poll(() => client.text).toBe("a");
  });

  test.each(["connect_latency", "reset_peer"])("%s: who still waits does not hold up the end", async (type) => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic(type, type === "reset_peer" ? { timeout: 600_000 } : { latency: 600_000 }));
    const client = new Client(proxy.port);
    await once(client.socket, "connect");
    await proxy.stop();
    await expect.poll(() => client.ended).toBe(true);
  });

  test("a reset that was to come later does not come, to those that were there and to new ones", async () => {
    const proxy = await proxyOf(await echo());
    const before = new Client(proxy.port);
    await before.says("a");
    proxy.add(toxic("reset_peer", { timeout: 40 }));
    const during = new Client(proxy.port);
    await once(during.socket, "connect");
    proxy.removeAll();
    await later(40);
    await before.says("b");
    await during.says("c");
  });

  test("a reset that is put off does not come at its first time", async () => {
    const proxy = await proxyOf(await echo());
    const client = new Client(proxy.port);
    await client.says("a");
    proxy.add(toxic("reset_peer", { timeout: 40 }));
    proxy.replace(toxic("reset_peer", { timeout: 600_000 }));
    await later(40);
    await client.says("b");
  });

  test("a slice that waits goes on at once", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("slicer", { average_size: 1, delay: 600_000_000 }));
    const client = new Client(proxy.port);
    client.socket.write("abc");
    await expect.poll(() => client.text).toBe("a");
    proxy.removeAll();
    await expect.poll(() => client.text).toBe("abc");
  });

  test("a share that becomes none lets all go, also those that had it", async () => {
    const proxy = await proxyOf(await echo());
    const client = new Client(proxy.port);
    await client.says("a");
    proxy.add(toxic("black_hole"));
    client.socket.write("b");
    proxy.replace(toxic("black_hole", {}, { toxicity: 0 }));
    await expect.poll(() => client.text).toBe("ab");
  });
});

test("a limit of bytes counts from when it is there", async () => {
  const proxy = await proxyOf(await echo());
  const client = new Client(proxy.port);
  await client.says("0123456789");
  proxy.add(toxic("limit_data", { bytes: 3 }));
  client.socket.write("abcdef");
  await expect.poll(() => client.ended).toBe(true);
  expect(client.text).toBe("0123456789abc");
});

describe("large and many", () => {
  test("16 MiB through delays that come and go arrive whole and in order", async () => {
    const proxy = await proxyOf(await echo());
    const sent = randomBytes(16 * 1024 * 1024);
    const socket = connect(proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const hash = createHash("sha256");
    let size = 0;
    const faults = [toxic("latency", { latency: 5, jitter: 5 }), toxic("loss", { percent: 30, hold: 3 })];
    socket.on("data", (bytes: Buffer) => {
      hash.update(bytes);
      size += bytes.length;
      const step = Math.floor(size / 2 ** 20) % 3;
      // In the middle of it: one, the other, none.
      proxy.removeAll();
      if (step < 2) proxy.add(faults[step]!);
    });
    socket.end(sent);
    await once(socket, "end");
    expect([size, hash.digest("hex")]).toEqual([sent.length, createHash("sha256").update(sent).digest("hex")]);
  });

  test.each([
    ["a reader that does not read", null],
    ["a hole", toxic("black_hole")],
    ["a delay", toxic("latency", { latency: 600_000 })],
  ])("%s slows the sender down: what waits has an end", async (_, fault) => {
    let written = 0;
    const port = await listening(
      createServer((socket) => {
        const piece = Buffer.alloc(64 * 1024);
        const more = (): void => {
          while (socket.write(piece)) written += piece.length;
          written += piece.length;
        };
        socket.on("error", () => {}).on("drain", more);
        more();
      }),
    );
    const proxy = await proxyOf(port);
    if (fault !== null) proxy.add(fault);
    const socket = connect(proxy.port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    if (fault === null) socket.pause();
    else socket.resume();
    // Until nothing more is taken.
    let last = -1;
    await expect
      .poll(
        () => {
          const before = last;
          last = written;
          return written > 0 && before === written;
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBe(true);
    // 4 MiB here; the rest is in the buffers of the kernel, twice.
    expect(written).toBeLessThan(32 * 1024 * 1024);
  });

  test("1000 connections at once, and all of them end with the proxy", async () => {
    const proxy = await proxyOf(await echo());
    proxy.add(toxic("latency", { latency: 20 }));
    const clients = Array.from({ length: 1000 }, () => new Client(proxy.port));
    for (const [index, { socket }] of clients.entries()) socket.write(`${index};`);
    await expect.poll(() => clients.every(({ text }, index) => text === `${index};`), { timeout: 15_000 }).toBe(true);
    expect(proxy.open).toBe(1000);
    await proxy.stop();
    await expect.poll(() => clients.every(({ ended }) => ended), { timeout: 10_000 }).toBe(true);
    expect(proxy.open).toBe(0);
  });

  test("IPv6, on both sides", async () => {
    const proxy = await proxyOf(await echo("::1"), "::1");
    expect(proxy.listen).toBe(`[::1]:${proxy.port}`);
    await new Client(proxy.port, "::1").says("six");
  });
});

describe("the API, as Toxiproxy's clients use it", () => {
  async function start(): Promise<
    (method: string, path: string, body?: unknown, headers?: object) => Promise<[number, Record<string, unknown>]>
  > {
    const api = new ToxiproxyApi(new AllowList(undefined));
    const { port } = await api.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(() => api.close());
    return async (method, path, body, headers = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { "user-agent": "toxiproxy-cli", ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const answer = await response.text();
      return [response.status, answer === "" ? {} : (JSON.parse(answer) as Record<string, unknown>)];
    };
  }

  test("empty names and addresses are those that are left out", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    const [status, { listen }] = await call("POST", "/proxies", { name: "a", listen: "", upstream });
    expect([status, listen]).toEqual([201, expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
    expect(await call("POST", "/proxies/a/toxics", { name: "", type: "latency", stream: "upstream" })).toMatchObject([
      200,
      { name: "latency_upstream" },
    ]);
  });

  test("an update that cannot be leaves the proxy as it is", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    const [, made] = await call("POST", "/proxies", { name: "a", upstream });
    await call("POST", "/proxies/a/toxics", { name: "slow", type: "latency" });
    const [, { listen: taken }] = await call("POST", "/proxies", { name: "b", upstream });
    for (const [change, status] of [
      [{ listen: "0.0.0.0:0" }, 403],
      [{ listen: "nowhere" }, 400],
      [{ upstream: "192.0.2.1:80" }, 403],
      [{ listen: taken }, 500],
    ] as const) {
      expect([change, (await call("PATCH", "/proxies/a", change))[0]]).toEqual([change, status]);
      expect(await call("GET", "/proxies/a")).toMatchObject([
        200,
        { listen: made["listen"], upstream, enabled: true, toxics: [{ name: "slow" }] },
      ]);
    }
    const port = String(made["listen"]).split(":")[1]!;
    await new Client(Number(port)).says("still");
  });

  test("the same proxy under another name of this machine is not made anew", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    const [, made] = await call("POST", "/proxies", { name: "a", listen: "localhost:0", upstream });
    await call("POST", "/proxies/a/toxics", { name: "slow", type: "latency" });
    const listen = String(made["listen"]).replace("127.0.0.1", "localhost");
    const same = { name: "a", listen, upstream: upstream.replace("127.0.0.1", "localhost") };
    expect(await call("POST", "/populate", [same])).toMatchObject([201, { proxies: [{ toxics: [{ name: "slow" }] }] }]);
    expect(await call("PATCH", "/proxies/a", { listen })).toMatchObject([200, { toxics: [{ name: "slow" }] }]);
  });

  test("populate makes none when one of them lacks something, and says which were made when one cannot be", async () => {
    const call = await start();
    const upstream = `127.0.0.1:${await echo()}`;
    expect(await call("POST", "/populate", [{ name: "a", upstream }, { name: "b" }])).toMatchObject([
      400,
      { error: "missing required field: upstream at proxy 2", status: 400 },
    ]);
    expect(await call("GET", "/proxies")).toEqual([200, {}]);
    const refused = [
      { name: "a", upstream },
      { name: "b", upstream: "192.0.2.1:80" },
    ];
    expect(await call("POST", "/populate", refused)).toMatchObject([403, { status: 403, proxies: [{ name: "a" }] }]);
  });

  test("a page in a browser is refused by where it comes from, whatever it calls itself", async () => {
    const call = await start();
    for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" }]) {
      expect((await call("POST", "/reset", undefined, headers))[0]).toBe(403);
    }
    expect((await call("POST", "/reset"))[0]).toBe(204);
  });
});
