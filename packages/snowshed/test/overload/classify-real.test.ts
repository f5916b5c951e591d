// Errors as Node.js, undici and fetch really make them: sockets, TLS, files, cancellation.
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import type { AddressInfo, NetConnectOpts, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import type { Classification } from "snowshed";
import { classify, Context, retryAfter } from "snowshed";
import { Agent, Client, interceptors, request } from "undici";
import { afterAll, describe, expect, test, vi } from "vitest";
import { isCongestion } from "../../src/overload/classify.ts";
import { selfSignedCertificate } from "../support/certificate.ts";
import { startServer } from "../support/http-server.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

const servers: Server[] = [];
const sockets = new Set<Socket>();
const { key, cert } = selfSignedCertificate("localhost");

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

/** Listens on a free port of this machine; `serve` has every connection. */
async function listening(server: Server): Promise<number> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

const portThat = (serve: (socket: Socket) => void): Promise<number> => listening(createServer(serve));
const onRequest = (act: (socket: Socket) => void): Promise<number> =>
  portThat((socket) => socket.once("data", () => act(socket)));
const silent = (): Promise<number> => portThat(() => {});
const resetting = (): Promise<number> => onRequest((socket) => socket.resetAndDestroy());
const closing = (): Promise<number> => onRequest((socket) => socket.end());
const url = (port: number): string => `http://127.0.0.1:${port}/`;

/** A port that nobody listens on, because its server is closed again. */
async function refusing(): Promise<number> {
  const port = await silent();
  await new Promise((resolve) => servers.pop()!.close(resolve));
  return port;
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const value = await promise.then(
    () => "no error",
    (error: unknown) => ({ error }),
  );
  if (typeof value === "string") expect.unreachable(value);
  return value.error;
}

const netError = (options: NetConnectOpts): Promise<unknown> =>
  new Promise((resolve) => {
    connect(options).once("error", resolve);
  });
const httpError = (port: number): Promise<unknown> =>
  new Promise((resolve) => {
    get(url(port)).once("error", resolve);
  });
const tlsError = (options: ConnectionOptions): Promise<unknown> =>
  new Promise((resolve) => {
    connectTls({ host: "127.0.0.1", ...options }).once("error", resolve);
  });

/** `makes`: a code or name that the error, or its cause, must have, so that a row tests what it says. */
type Row = readonly [what: string, makes: string, Classification, congested: boolean, () => Promise<unknown>];

const rows: readonly Row[] = [
  ["fetch, refused", "ECONNREFUSED", "transient", false, async () => errorOf(fetch(url(await refusing())))],
  ["fetch, reset", "ECONNRESET", "transient", true, async () => errorOf(fetch(url(await resetting())))],
  [
    "fetch, closed without an answer",
    "UND_ERR_SOCKET",
    "transient",
    true,
    async () => errorOf(fetch(url(await closing()))),
  ],
  [
    "fetch, cut off in the body",
    "UND_ERR_SOCKET",
    "transient",
    true,
    async () => {
      const port = await onRequest((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () => socket.end());
      });
      const response = await fetch(url(port));
      return errorOf(response.text());
    },
  ],
  [
    "fetch, an answer that is not HTTP",
    "HTTPParserError",
    "transient",
    false,
    async () => errorOf(fetch(url(await onRequest((socket) => socket.end("nonsense\r\n\r\n"))))),
  ],
  [
    "fetch, AbortSignal.timeout()",
    "TimeoutError",
    "transient",
    true,
    async () => errorOf(fetch(url(await silent()), { signal: AbortSignal.timeout(1) })),
  ],
  [
    "fetch, a Context's timeout",
    "TimeoutError",
    "transient",
    true,
    async () => {
      using context = Context.background.withTimeout(1);
      // Awaited here: leaving the block cancels the context.
      return await errorOf(fetch(url(await silent()), { signal: context.signal }));
    },
  ],
  [
    "fetch, aborted",
    "AbortError",
    "ignore",
    false,
    async () => {
      const controller = new AbortController();
      const port = await onRequest(() => controller.abort());
      return errorOf(fetch(url(port), { signal: controller.signal }));
    },
  ],
  ["fetch, a forbidden port", "bad port", "fatal", false, () => errorOf(fetch("http://127.0.0.1:1/"))],
  ["fetch, no such scheme", "unknown scheme", "fatal", false, () => errorOf(fetch("foo://host/"))],
  ["fetch, no URL", "ERR_INVALID_URL", "fatal", false, () => errorOf(fetch("no url"))],
  [
    "fetch, a certificate of their own",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "fatal",
    false,
    async () => errorOf(fetch(`https://127.0.0.1:${await listening(createTlsServer({ key, cert }))}/`)),
  ],
  [
    "TLS, another name in the certificate",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "fatal",
    false,
    async () => tlsError({ port: await listening(createTlsServer({ key, cert })), ca: cert, servername: "other.test" }),
  ],
  [
    "TLS, on a port that speaks something else",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "fatal",
    false,
    async () => tlsError({ port: await onRequest((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")) }),
  ],
  ["http.get, refused", "ECONNREFUSED", "transient", false, async () => httpError(await refusing())],
  ["http.get, hung up", "ECONNRESET", "transient", true, async () => httpError(await closing())],
  [
    "net, refused",
    "ECONNREFUSED",
    "transient",
    false,
    async () => netError({ port: await refusing(), host: "127.0.0.1" }),
  ],
  [
    "net, a Unix socket that is not there",
    "ENOENT",
    "transient",
    false,
    () => netError({ path: join(tmpdir(), "snowshed-no-such.sock") }),
  ],
  [
    "undici, no headers in time",
    "UND_ERR_HEADERS_TIMEOUT",
    "transient",
    true,
    async () => errorOf(request(url(await silent()), { headersTimeout: 1 })),
  ],
  ["undici, reset", "ECONNRESET", "transient", true, async () => errorOf(request(url(await resetting())))],
  [
    "undici, a destroyed client",
    "UND_ERR_DESTROYED",
    "fatal",
    false,
    async () => {
      const client = new Client("http://127.0.0.1:9/");
      await client.destroy();
      return errorOf(client.request({ path: "/", method: "GET" }));
    },
  ],
  [
    "undici, a bad argument",
    "UND_ERR_INVALID_ARG",
    "fatal",
    false,
    () => errorOf((async () => request("ftp://127.0.0.1/"))()),
  ],
  [
    "a file that is not there",
    "ENOENT",
    "fatal",
    false,
    () => errorOf(readFile(new URL("no-such-file", import.meta.url))),
  ],
  ["a wrong argument", "ERR_INVALID_ARG_TYPE", "fatal", false, () => errorOf((async () => Buffer.from(1 as never))())],
  [
    "text that is not JSON",
    "SyntaxError",
    "fatal",
    false,
    () => errorOf((async () => JSON.parse("<html>") as unknown)()),
  ],
  ["what cannot be cloned", "DataCloneError", "fatal", false, () => errorOf((async () => structuredClone(() => {}))())],
  [
    "a wait of the platform, timed out",
    "AbortError",
    "transient",
    true,
    () => errorOf(sleep(1e6, undefined, { signal: AbortSignal.timeout(1) })),
  ],
  [
    "a wait of the platform, aborted",
    "AbortError",
    "ignore",
    false,
    () => errorOf(sleep(1e6, undefined, { signal: AbortSignal.abort() })),
  ],
];

describe("real errors", () => {
  test.each(rows)("%s: %s, %s", async (_, makes, classification, congested, produce) => {
    const error = (await produce()) as Error & { code?: unknown };
    const cause = (error.cause ?? {}) as Error & { code?: unknown };
    expect([error.code, error.name, cause.code, cause.name, cause.message]).toContain(makes);
    expect(classify(error)).toBe(classification);
    expect(isCongestion(classification, error)).toBe(congested);
  });

  test("all addresses of a host, of which one may be of a kind that this machine does not have", async () => {
    const error = await netError({
      port: await refusing(),
      host: "both.test",
      autoSelectFamily: true,
      lookup: (_host, _options, callback) =>
        callback(null, [
          { address: "127.0.0.1", family: 4 },
          { address: "::1", family: 6 },
        ]),
    });
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors).toHaveLength(2);
    expect(classify(error)).toBe("transient");
  });

  test("a name that does not exist, or that nobody could be asked for", async () => {
    const error = (await errorOf(lookup("no-such-host.invalid"))) as { code: string };
    // Which of the two depends on the machine's resolver: without a network it may not answer.
    expect(["ENOTFOUND", "EAI_AGAIN"]).toContain(error.code);
    expect(classify(error)).toBe(error.code === "ENOTFOUND" ? "fatal" : "transient");
  });

  test("statuses, as fetch returns them, node:http gives them and undici throws them", async () => {
    const server = await startServer((path, response) => {
      response.writeHead(Number(path.slice(1)), { "retry-after": "7" }).end();
    });
    const dispatcher = new Agent().compose(interceptors.responseError());
    const cases = { 200: "ok", 404: "fatal", 429: "overload", 500: "transient", 503: "overload" } as const;
    for (const [status, classification] of Object.entries(cases)) {
      const response = await fetch(server.url(`/${status}`));
      expect(classify(response)).toBe(classification);
      expect(retryAfter(response)).toBe(7000);
      const message = await new Promise<object>((resolve) => {
        get(server.url(`/${status}`), (incoming) => resolve(incoming.resume()));
      });
      expect(classify(message)).toBe(classification);
      expect(retryAfter(message)).toBe(7000);
      if (status === "200") continue;
      const error = await errorOf(request(server.url(`/${status}`), { dispatcher }));
      expect(error).toBeInstanceOf(Error);
      expect(classify(error)).toBe(classification);
      expect(retryAfter(error)).toBe(7000);
    }
    await dispatcher.close();
    await server.close();
  });
});
