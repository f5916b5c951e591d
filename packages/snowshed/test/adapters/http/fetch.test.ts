import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CircuitBreaker, Context, fixed, Limiter } from "snowshed";
import type { HttpClientOptions } from "snowshed/http";
import { Origins, wrapFetch } from "snowshed/http";
import { fetch as undiciFetch } from "undici";
import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { clock, root, useFakeTime } from "../../support/fake-time.ts";
import { collected } from "../../support/garbage.ts";
import { deferred, drained, observe, outcome } from "../../support/promises.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

useFakeTime();

let server: ReturnType<typeof createServer>;
let origin: string;
let bodies: string[];

beforeEach(async () => {
  bodies = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      bodies.push(body);
      const url = new URL(request.url!, "http://localhost");
      if (url.pathname === "/redirect") return void response.writeHead(302, { location: "/final" }).end();
      if (url.pathname === "/empty") return void response.writeHead(204).end();
      if (url.pathname === "/busy") return void response.writeHead(bodies.length === 1 ? 503 : 200).end("fine");
      if (url.pathname === "/large") return void response.end("x".repeat(4_000_000));
      response.writeHead(
        200,
        [
          ["content-type", "text/plain"],
          ["set-cookie", "a=1"],
          ["set-cookie", "b=2"],
        ].flat(),
      );
      return void response.end(`${request.method} ${url.pathname}`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});

const fast = (): HttpClientOptions => ({ clock, retry: { backoff: { initial: 0, jitter: "none" } } });

/** Lets waits of no length pass. */
async function finish<T>(promise: Promise<T>): Promise<T> {
  const observed = observe(promise);
  while (observed.outcome.status === "pending") await clock.advance(0);
  return promise;
}

test("what a mock gives that is no response at all holds nothing", async () => {
  const origins = new Origins({ clock });
  for (const nothing of [undefined, null]) {
    const guarded = wrapFetch(async (_url: string) => nothing as unknown as Response, { origins });
    expect(await guarded("http://mock.test/")).toBe(nothing);
  }
  expect(origins.peek("http://mock.test")!.limiter!.inflight).toBe(0);
});

describe("what it gives is what fetch gives", () => {
  test("a response of the same class, with all its properties", async () => {
    const [bare, guarded] = await Promise.all([fetch(`${origin}/a`), wrapFetch(fetch, { clock })(`${origin}/a`)]);
    expect(guarded).toBeInstanceOf(Response);
    for (const name of ["status", "statusText", "ok", "url", "redirected", "type"] as const) {
      expect(guarded[name], name).toEqual(bare[name]);
    }
    expect(guarded.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(await guarded.text()).toBe(await bare.text());
    expect(guarded.bodyUsed).toBe(true);
  });

  test("a redirect is followed, and the response says so", async () => {
    const response = await wrapFetch(fetch, { clock })(`${origin}/redirect`);
    expect([response.url, response.redirected, await response.text()]).toEqual([`${origin}/final`, true, "GET /final"]);
  });

  test("a clone has its own body and the same address", async () => {
    const response = await wrapFetch(fetch, { clock })(`${origin}/a`);
    const clone = response.clone();
    expect(clone.url).toBe(`${origin}/a`);
    expect(await Promise.all([response.text(), clone.text()])).toEqual(["GET /a", "GET /a"]);
  });

  test("a body can be read into a buffer of one's own, to its end", async () => {
    const response = await wrapFetch(fetch, { clock })(`${origin}/a`);
    const reader = response.body!.getReader({ mode: "byob" });
    let text = "";
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(4));
      text += new TextDecoder().decode(value);
      if (done) break;
    }
    expect(text).toBe("GET /a");
  });

  test("a response without a body is the one of fetch itself", async () => {
    const response = await wrapFetch(fetch, { clock })(`${origin}/empty`);
    expect([response.status, response.body]).toEqual([204, null]);
  });

  test("a Request, a URL and init are taken", async () => {
    const guarded = wrapFetch(fetch, { clock });
    expect(await (await guarded(new Request(`${origin}/r`, { method: "DELETE" }))).text()).toBe("DELETE /r");
    expect(await (await guarded(new URL(`${origin}/u`), { method: "put" })).text()).toBe("PUT /u");
  });

  test("the signal of a Request counts, unless another is given", async () => {
    const guarded = wrapFetch(fetch, { clock });
    const request = new Request(origin, { signal: AbortSignal.abort(new Error("gone")) });
    await expect(guarded(request)).rejects.toThrow("gone");
    const other = await guarded(request.url, { signal: null });
    expect(other.status).toBe(200);
    await other.text();
  });

  test("what has no origin goes to fetch as it is, and its mistakes are those of fetch", async () => {
    const origins = new Origins();
    const guarded = wrapFetch(fetch, { origins });
    expect(await (await guarded("data:text/plain,hello", { signal: root })).text()).toBe("hello");
    await expect(guarded("nowhere")).rejects.toThrow(TypeError);
    expect(origins.size).toBe(0);
  });

  test("arguments that cannot be read are rejections", async () => {
    const guarded = wrapFetch(fetch, { clock });
    await expect(guarded(origin, { method: 1 as unknown as string })).rejects.toThrow(TypeError);
    await expect(guarded(origin, { signal: {} as AbortSignal })).rejects.toThrow(TypeError);
    const response = await guarded(origin, null as unknown as RequestInit);
    expect(await response.text()).toBe("GET /");
  });
});

describe("bodies", () => {
  const form = new FormData();
  form.append("name", "value");

  test.each([
    ["URLSearchParams", new URLSearchParams("a=1"), "a=1"],
    ["Blob", new Blob(["blob"]), "blob"],
    ["ArrayBuffer", new TextEncoder().encode("buffer").buffer, "buffer"],
    ["FormData", form, "value"],
  ])("%s is sent again", async (_name, body, text) => {
    const response = await finish(wrapFetch(fetch, fast())(`${origin}/busy`, { method: "PUT", body }));
    expect([response.status, await response.text()]).toEqual([200, "fine"]);
    expect(bodies).toEqual([expect.stringContaining(text), expect.stringContaining(text)]);
  });

  test("that of a Request is a stream, and sent once; a Request without one is sent again", async () => {
    const guarded = wrapFetch(fetch, fast());
    const request = new Request(`${origin}/busy`, { method: "PUT", body: "once" });
    const response = await finish(guarded(request));
    await response.text();
    expect([response.status, bodies]).toEqual([503, ["once"]]);
    bodies = [];
    const again = await finish(guarded(new Request(`${origin}/busy`)));
    await again.text();
    expect([again.status, bodies.length]).toEqual([200, 2]);
  });

  test("one that is forgotten unread gives its place back", async () => {
    const origins = new Origins({ clock });
    const guarded = wrapFetch(fetch, { origins });
    const forgotten = async (): Promise<WeakRef<object>> => new WeakRef((await guarded(`${origin}/large`)).body!);
    expect(await collected(forgotten, 100)).toBe(true);
    const { limiter } = origins.peek(origin)!;
    while (limiter!.inflight > 0) await drained();
    expect(clock.pending).toBe(0);
  });

  test("one that is held keeps it: the control", async () => {
    const origins = new Origins({ clock });
    const response = await wrapFetch(fetch, { origins })(`${origin}/large`);
    expect(await collected(() => new WeakRef(response.body!), 3)).toBe(false);
    expect(origins.peek(origin)!.limiter!.inflight).toBe(1);
    await response.body!.cancel();
  });
});

describe("a fetch that is not as it should be", () => {
  test("one that ignores its signal keeps its place until it ends, while its caller goes on", async () => {
    const answer = deferred<Response>();
    const origins = new Origins({ clock });
    const guarded = wrapFetch((_input: string) => answer.promise, { origins, timeout: "1s", retry: false });
    const call = guarded("http://a.example");
    call.catch(() => {});
    await clock.advance("1s");
    expect(await outcome(call)).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    const { limiter } = origins.peek("http://a.example")!;
    expect(limiter!.inflight).toBe(1);
    let canceled = false;
    const late = new ReadableStream({
      cancel() {
        canceled = true;
      },
    });
    answer.resolve(new Response(late));
    await drained();
    expect([limiter!.inflight, canceled]).toEqual([0, true]);
  });

  test("one that throws at once, or gives something else, holds nothing", async () => {
    const origins = new Origins({ clock });
    const options: HttpClientOptions = { origins, retry: false };
    const throwing = wrapFetch((_input: string): Promise<Response> => {
      throw new TypeError("of fetch");
    }, options);
    await expect(throwing("http://a.example")).rejects.toThrow("of fetch");
    const odd = { status: 200, headers: {}, body: { pipe() {} } } as unknown as Response;
    expect(await wrapFetch((_input: string) => Promise.resolve(odd), options)("http://a.example")).toBe(odd);
    expect(origins.peek("http://a.example")!.limiter!.inflight).toBe(0);
  });

  test("a response of a class that cannot be copied is an error, and holds nothing", async () => {
    class Odd extends Response {
      constructor(...[body]: ConstructorParameters<typeof Response>) {
        super(body);
        if (made++ > 0) throw new Error("of the class");
      }
    }
    let made = 0;
    const origins = new Origins({ clock });
    const guarded = wrapFetch((_input: string) => Promise.resolve(new Odd("body")), { origins });
    await expect(guarded("http://a.example")).rejects.toThrow("of the class");
    await drained();
    expect(origins.peek("http://a.example")!.limiter!.inflight).toBe(0);
  });

  test("empty chunks and parts of a larger buffer come through, others are an error of the body", async () => {
    const chunks: unknown[] = [new Uint8Array(0), new TextEncoder().encode("whole").subarray(1, 4), new Uint8Array(0)];
    const respond = (...parts: unknown[]) => {
      const body = new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
      return wrapFetch((_input: string) => Promise.resolve(new Response(body)), { clock })("http://a.example");
    };
    expect(await (await respond(...chunks)).text()).toBe("hol");
    await expect((await respond("a text")).text()).rejects.toThrow(TypeError);
  });
});

describe("origins", () => {
  test("are apart: one that is down takes nothing from another", async () => {
    const guarded = wrapFetch(fetch, { clock, retry: false });
    const dead = createServer().listen(0, "127.0.0.1");
    await once(dead, "listening");
    const url = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`;
    dead.close();
    await once(dead, "close");
    for (let index = 0; index < 5; index++) await expect(guarded(url)).rejects.toThrow("fetch failed");
    await expect(guarded(url)).rejects.toMatchObject({ code: "SNOWSHED_CIRCUIT_OPEN" });
    expect(await (await guarded(`${origin}/a`)).text()).toBe("GET /a");
  });

  test("can be shared, and made by hand", async () => {
    const limiter = (name: string): Limiter => new Limiter({ name, algorithm: fixed(3), clock });
    const breaker = (name: string): CircuitBreaker => new CircuitBreaker({ name, clock });
    const origins = new Origins({ limiter, breaker, budget: false, clock });
    for (let index = 0; index < 2; index++) await (await wrapFetch(fetch, { origins })(origin)).text();
    expect(origins.size).toBe(1);
    const made = origins.get(origin);
    expect([made.name, made.limiter?.name, made.limiter?.limit]).toEqual([origin, origin, 3]);
    expect([made.breaker?.name, made.budget]).toEqual([origin, undefined]);
    expect([...origins.entries()]).toEqual([[origin, made]]);
  });

  test("each piece can be switched off", async () => {
    const origins = new Origins({ limiter: false, breaker: false, budget: false, clock });
    await (await wrapFetch(fetch, { origins })(origin)).text();
    const { limiter, breaker, budget } = origins.peek(origin)!;
    expect([limiter, breaker, budget]).toEqual([undefined, undefined, undefined]);
  });
});

describe("arguments", () => {
  test.each([
    [{ timeout: 0 }, RangeError],
    [{ timeout: Number.NaN }, RangeError],
    [{ deadline: -1 }, RangeError],
    [{ deadline: "soon" }, RangeError],
    [{ bodyHold: -1 }, RangeError],
    [{ classify: "ok" }, TypeError],
    [{ retry: 3 }, TypeError],
    [{ retry: null }, TypeError],
    [{ retry: { attempts: 0 } }, RangeError],
    [{ retry: { attempts: 1.5 } }, RangeError],
    [{ limiter: new Limiter() }, TypeError],
    [{ limiter: true }, TypeError],
    [{ breaker: new CircuitBreaker() }, TypeError],
    [{ budget: {} }, TypeError],
    [{ maxOrigins: 0 }, RangeError],
    [{ origins: {} }, TypeError],
    [{ origins: new Origins(), limiter: false }, TypeError],
  ])("%o is refused", (options, NativeError) => {
    const wrap = (): unknown => wrapFetch(fetch, options as HttpClientOptions);
    expect(wrap).toThrow(NativeError);
    expect(wrap).toThrow(expect.objectContaining({ code: "SNOWSHED_INVALID_ARGUMENT" }));
  });

  test("what is no function cannot be wrapped", () => {
    expect(() => wrapFetch(undefined as unknown as typeof fetch)).toThrow(TypeError);
  });
});

test("types: a drop-in for any fetch, with a Context as signal", () => {
  const guarded = wrapFetch(fetch);
  expectTypeOf(guarded).toExtend<typeof fetch>();
  expectTypeOf(guarded).toBeCallableWith("http://a.example", { signal: Context.background });
  expectTypeOf(wrapFetch(undiciFetch)).toBeCallableWith("http://a.example", { signal: Context.background });
});
