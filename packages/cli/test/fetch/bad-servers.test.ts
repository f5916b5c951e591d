import { createServer as createTlsServer } from "node:tls";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder, bodies, parts } from "../support/folders.ts";
import { runFetch } from "../support/memory-io.ts";
import { closedPort, httpServer, listen, rawServer } from "../support/servers.ts";
import { selfSigned } from "../support/self-signed.ts";

/** Fetches one URL of a bad server, with bodies to disk, and checks what holds for each: reported, and nothing left. */
async function fetchBad(url: string, ...argv: string[]) {
  const output = temporaryFolder();
  const cache = temporaryFolder();
  const result = await runFetch([
    url,
    "--output",
    output,
    "--cache",
    cache,
    "--retries",
    "0",
    "--timeout",
    "10s",
    ...argv,
  ]);
  expect(result.outcomes).toHaveLength(1);
  expect(parts(output)).toEqual([]);
  expect(parts(cache)).toEqual([]);
  const [outcome] = result.outcomes;
  expect(bodies(output)).toHaveLength(outcome!.status === "ok" ? 1 : 0);
  expect(result.code).toBe(outcome!.status === "ok" ? 0 : 1);
  return { ...result, outcome: outcome!, code: outcome!.error?.code };
}

describe("each failure has its code, and leaves nothing behind", () => {
  test("control: a good server", async () => {
    const origin = await httpServer((_, response) => response.end("hello"));
    expect((await fetchBad(origin)).outcome).toMatchObject({ status: "ok", httpStatus: 200, bytes: 5, attempts: 1 });
  });

  test("never answers: the time limit of the attempt ends it", async () => {
    const { origin } = await rawServer(() => {});
    expect((await fetchBad(origin, "--timeout", "100ms")).code).toBe("TIMEOUT");
  });

  test("never answers: the deadline of the run ends it", async () => {
    const { origin } = await rawServer(() => {});
    const { code, outcome } = await fetchBad(origin, "--timeout", "none", "--deadline", "500ms");
    expect([code, outcome.status]).toEqual(["DEADLINE", "failed"]);
  });

  test("answers a byte a second: the time limit covers the body", async () => {
    let sent = 0;
    const { origin } = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      const timer = setInterval(() => socket.write(String(sent++ % 10)), 1000);
      socket.write("x");
      socket.on("close", () => clearInterval(timer));
    });
    // Between two bytes and the next: without a limit for the whole it would take a quarter of an hour.
    expect((await fetchBad(origin, "--timeout", "1200ms")).code).toBe("TIMEOUT");
    expect(sent).toBeGreaterThan(0);
  });

  test("resets the connection in the middle of the body", async () => {
    const { origin } = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome", () => socket.resetAndDestroy());
    });
    expect((await fetchBad(origin)).code).toBe("TRUNCATED");
  });

  test("says a longer Content-Length than it sends, and closes", async () => {
    const { origin } = await rawServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"));
    expect((await fetchBad(origin)).code).toBe("TRUNCATED");
  });

  test("says a longer Content-Length than it sends, and keeps the connection open", async () => {
    const { origin } = await rawServer((socket) =>
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"),
    );
    expect((await fetchBad(origin, "--timeout", "100ms")).code).toBe("TIMEOUT");
  });

  test("says a shorter Content-Length than it sends: the rest is never taken for the next answer", async () => {
    let requests = 0;
    const { origin } = await rawServer((socket) => {
      const number = ++requests;
      const forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody${number}${forged}`);
    });
    const output = temporaryFolder();
    const urls = [`${origin}/1`, `${origin}/2`, `${origin}/3`];
    const { outcomes, code } = await runFetch([...urls, "--output", output, "--per-host", "1"]);
    expect(code).toBe(0);
    expect(outcomes.map(({ bytes }) => bytes)).toEqual([5, 5, 5]);
    const { readFileSync } = await import("node:fs");
    expect(outcomes.map(({ file }) => readFileSync(file!, "utf8"))).toEqual(["body1", "body2", "body3"]);
  });

  test("says Connection: close and closes too early", async () => {
    const { origin } = await rawServer((socket) =>
      socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\nshort"),
    );
    expect((await fetchBad(origin)).code).toBe("TRUNCATED");
  });

  test("chunked body that ends early", async () => {
    const { origin } = await rawServer((socket) =>
      socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
    );
    expect((await fetchBad(origin)).code).toBe("TRUNCATED");
  });

  test("truncated gzip, whole by its Content-Length", async () => {
    const whole = gzipSync("hello ".repeat(1000));
    const body = whole.subarray(0, whole.length - 12);
    const origin = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body),
    );
    expect((await fetchBad(origin)).code).toBe("TRUNCATED");
  });

  test("says gzip and sends something else", async () => {
    const origin = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("plain"),
    );
    expect((await fetchBad(origin)).code).toBe("BAD_ENCODING");
  });

  test("an encoding nobody asked for", async () => {
    const origin = await httpServer((_, response) =>
      response.writeHead(200, { "content-encoding": "rot13" }).end("uryyb"),
    );
    expect((await fetchBad(origin)).code).toBe("BAD_ENCODING");
  });

  test("redirects without end", async () => {
    let hops = 0;
    const origin = await httpServer((_, response) => response.writeHead(302, { location: `/${++hops}` }).end());
    expect((await fetchBad(origin)).code).toBe("TOO_MANY_REDIRECTS");
    expect(hops).toBe(6);
  });

  test("redirects in a circle", async () => {
    const origin = await httpServer((request, response) =>
      response.writeHead(302, { location: String(request.url) }).end(),
    );
    expect((await fetchBad(`${origin}/a`)).code).toBe("TOO_MANY_REDIRECTS");
  });

  test.each(["file:///etc/passwd", "http://[", "ftp://127.0.0.1/"])("redirects to %s", async (location) => {
    const origin = await httpServer((_, response) => response.writeHead(302, { location }).end());
    expect((await fetchBad(origin)).code).toBe("BAD_REDIRECT");
  });

  test("a body without end", async () => {
    const chunk = Buffer.alloc(64 * 1024);
    const origin = await httpServer((_, response) => {
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", pour);
      pour();
    });
    const { code, outcome } = await fetchBad(origin, "--max-body", "1MiB");
    expect([code, outcome.httpStatus]).toEqual(["BODY_TOO_LARGE", 200]);
  });

  test("a body whose Content-Length is too large is not even begun", async () => {
    const origin = await httpServer((_, response) => response.writeHead(200, { "content-length": 1e9 }).write("x"));
    expect((await fetchBad(origin, "--max-body", "1MiB")).code).toBe("BODY_TOO_LARGE");
  });

  test("a small body that decompresses to a large one", async () => {
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(64 * 1024);
    const origin = await httpServer((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    expect((await fetchBad(origin, "--max-body", "1MiB")).code).toBe("BODY_TOO_LARGE");
    expect((await fetchBad(origin, "--max-body", "32MiB")).outcome.bytes).toBe(32 * 1024 * 1024);
  });

  test("a header of 10 MB", async () => {
    const line = `x-filler: ${"f".repeat(1014)}\r\n`;
    const { origin } = await rawServer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      for (let sent = 0; sent < 10_000_000; sent += line.length) socket.write(line);
      socket.end("\r\n");
    });
    expect((await fetchBad(origin)).code).toBe("HEADERS_TOO_LARGE");
  });

  test("a certificate nobody vouches for", async () => {
    const server = createTlsServer(selfSigned, (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    server.on("tlsClientError", () => {});
    onTestFinished(() => void server.close());
    const { code, outcome } = await fetchBad(`https://127.0.0.1:${await listen(server)}`);
    expect(code).toBe("TLS");
    expect(outcome.error!.message).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
  });

  test("https asked of a server that speaks plain HTTP", async () => {
    const { port } = await rawServer(() => {});
    const origin = await httpServer((_, response) => response.end());
    expect(port).toBeGreaterThan(0);
    expect((await fetchBad(origin.replace("http:", "https:"))).code).toBe("TLS");
  });

  test("takes the connection and closes it during the TLS handshake", async () => {
    const { createServer } = await import("node:net");
    const server = createServer((socket) => socket.destroy());
    onTestFinished(() => void server.close());
    expect((await fetchBad(`https://127.0.0.1:${await listen(server)}`)).code).toBe("CONNECTION_RESET");
  });

  test("an unknown host", async () => {
    expect((await fetchBad("http://no-such-host.invalid/")).code).toBe("DNS");
  });

  test("nothing listens on the port", async () => {
    expect((await fetchBad(`http://127.0.0.1:${await closedPort()}/`)).code).toBe("CONNECTION_REFUSED");
  });

  test("closes without an answer", async () => {
    const { origin } = await rawServer((socket) => socket.end());
    expect((await fetchBad(origin)).code).toBe("CONNECTION_RESET");
  });

  test("resets without an answer", async () => {
    const { origin } = await rawServer((socket) => socket.resetAndDestroy());
    expect((await fetchBad(origin)).code).toBe("CONNECTION_RESET");
  });

  test("closes in the middle of the headers", async () => {
    const { origin } = await rawServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-"));
    expect(["CONNECTION_RESET", "TRUNCATED"]).toContain((await fetchBad(origin)).code);
  });

  test.each(["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 two hundred\r\n\r\n", "\0\0\0\0\r\n\r\n"])(
    "answers %j, which is no HTTP",
    async (answer) => {
      const { origin } = await rawServer((socket) => socket.end(answer));
      expect((await fetchBad(origin)).code).toBe("BAD_RESPONSE");
    },
  );

  test.each([404, 418, 500, 599])("answers %i", async (httpStatus) => {
    const origin = await httpServer((_, response) => response.writeHead(httpStatus).end("a long explanation"));
    const { code, outcome } = await fetchBad(origin);
    expect([code, outcome.httpStatus]).toEqual(["HTTP_STATUS", httpStatus]);
  });

  test("answers 500 with a body without end", async () => {
    const origin = await httpServer((_, response) => {
      response.writeHead(500);
      response.on("drain", () => response.write(Buffer.alloc(64 * 1024)));
      response.write(Buffer.alloc(64 * 1024));
    });
    expect((await fetchBad(origin)).outcome).toMatchObject({ httpStatus: 500, error: { code: "HTTP_STATUS" } });
  });
});

describe("good answers that look unusual", () => {
  test("HEAD with the headers of a large gzip body", async () => {
    const headers = { "content-encoding": "gzip", "content-length": 1e9 };
    const origin = await httpServer((_, response) => response.writeHead(200, headers).end());
    expect((await fetchBad(origin, "--method", "HEAD")).outcome).toMatchObject({ status: "ok", bytes: 0 });
  });

  test("204, 304, and an empty gzip body", async () => {
    const origin = await httpServer((request, response) => {
      const status = Number(String(request.url).slice(1));
      response.writeHead(status, status === 200 ? { "content-encoding": "gzip", "content-length": 0 } : {}).end();
    });
    for (const status of [200, 204, 304]) {
      expect((await fetchBad(`${origin}/${status}`)).outcome).toMatchObject({
        status: "ok",
        httpStatus: status,
        bytes: 0,
      });
    }
  });

  test("1xx answers before the real one", async () => {
    const { origin } = await rawServer((socket) =>
      socket.end("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    );
    expect((await fetchBad(origin)).outcome).toMatchObject({ status: "ok", httpStatus: 200, bytes: 2 });
  });

  test("a body that ends with the connection", async () => {
    const { origin } = await rawServer((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nold style"));
    expect((await fetchBad(origin)).outcome).toMatchObject({ status: "ok", bytes: 9 });
  });
});
