// One suite for every HTTP client with snowshed in it: whatever the user's API is, the protection must be the same.
import { getEventListeners } from "node:events";
import { CircuitBreaker, Context, fixed, Limiter, RetryBudget } from "snowshed";
import { expect } from "vitest";
import { observe } from "../support/promises.ts";
import type { Answer, Bench, Check } from "./http-client-bench.ts";
import { bodyOf, quiet, until } from "./http-client-bench.ts";

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

async function codeOfRejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => "none", codeOf);
}

/** A rejection that a check, which has failed by then, does not come to is no unhandled one. */
function statusAndText(answer: Promise<Answer>): Promise<[number, string]> {
  const read = answer.then(async ({ status, text }): Promise<[number, string]> => [status, await text()]);
  read.catch(() => {});
  return read;
}

const small =
  (bench: Bench, limit: number, maxQueue: number = 0) =>
  (): Limiter =>
    new Limiter({ algorithm: fixed(limit), maxQueue, clock: bench.clock });

const retrying: Check[] = [
  {
    name: "a 503 with Retry-After is asked again after that time, not before, and opens no breaker",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        if (arrived === 1) response.writeHead(503, { "retry-after": "2" });
        response.end(`answer ${arrived}`);
      });
      const client = bench.client();
      const answer = observe(client.call(server.origin));
      await until(() => bench.clock.pending > 0, "the wait");
      await bench.clock.advance(1999);
      await quiet();
      expect(server.arrived()).toBe(1);
      await bench.clock.advance(200);
      await until(() => answer.outcome.status === "fulfilled", "the second answer");
      const { value } = answer.outcome as { value: Answer };
      expect([value.status, await value.text()]).toEqual([200, "answer 2"]);
      expect(client.origins.peek(server.origin)?.breaker?.state).toBe("closed");
    },
  },
  {
    name: "three attempts, and the last answer is given as it is",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        response.writeHead(502, { "x-attempt": arrived });
        response.end("bad gateway");
      });
      const answer = await bench.finish(bench.client().call(`${server.origin}/`));
      expect([answer.status, answer.header("x-attempt")]).toEqual([502, "3"]);
      expect(await answer.text()).toBe("bad gateway");
      expect(server.arrived()).toBe(3);
    },
  },
  {
    name: "a connection reset in the middle of the headers is asked again",
    async run(bench) {
      const server = await bench.raw((socket, connection) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-le");
        if (connection < 3) socket.resetAndDestroy();
        else socket.end("ngth: 4\r\n\r\nyes.");
      });
      expect(await bench.finish(statusAndText(bench.client().call(server.origin)))).toEqual([200, "yes."]);
      expect(server.arrived()).toBe(3);
    },
  },
  {
    name: "a connection reset in the middle of a delivered body is an error of the body, and not asked again",
    async run(bench) {
      let cut = (): void => {};
      const server = await bench.raw((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
        cut = () => socket.resetAndDestroy();
      });
      const client = bench.client();
      const answer = await client.call(server.origin);
      expect(answer.status).toBe(200);
      const text = observe(answer.text());
      expect(client.origins.peek(server.origin)?.limiter?.inflight).toBe(1);
      cut();
      await until(() => text.outcome.status === "rejected", "the error");
      expect(server.arrived()).toBe(1);
    },
  },
  {
    name: "a body cut short is an error of the body",
    async run(bench) {
      const server = await bench.raw((socket) => {
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this");
      });
      const answer = await bench.client().call(server.origin);
      await expect(answer.text()).rejects.toThrow();
      expect(server.arrived()).toBe(1);
    },
  },
  {
    name: "a POST is not sent twice, unless it has an Idempotency-Key",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        response.writeHead(arrived % 2 === 1 ? 503 : 200).end();
      });
      const client = bench.client();
      const plain = await bench.finish(client.call(server.origin, { method: "POST" }));
      await plain.text();
      expect([plain.status, server.arrived()]).toEqual([503, 1]);
      const unlucky = await bench.finish(client.call(server.origin, { method: "POST" }));
      await unlucky.text();
      const headers = { "Idempotency-Key": "4711" };
      const keyed = await bench.finish(client.call(server.origin, { method: "POST", headers }));
      await keyed.text();
      expect([keyed.status, server.arrived()]).toEqual([200, 4]);
    },
  },
  {
    name: "methods can be added",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        response.writeHead(arrived === 1 ? 503 : 200).end();
      });
      const client = bench.client({ retry: { methods: ["patch"] } });
      expect((await bench.finish(statusAndText(client.call(server.origin, { method: "PATCH" }))))[0]).toBe(200);
      expect(server.arrived()).toBe(2);
    },
  },
  {
    name: "a text or bytes are sent again",
    needs: "repeatable bodies",
    async run(bench) {
      const bodies: string[] = [];
      const server = await bench.http(async (request, response, arrived) => {
        bodies.push(await bodyOf(request));
        response.writeHead(arrived % 2 === 1 ? 503 : 200).end();
      });
      const client = bench.client();
      for (const body of ["some text", new TextEncoder().encode("some bytes")]) {
        const answer = bench.finish(statusAndText(client.call(server.origin, { method: "PUT", body })));
        expect((await answer)[0]).toBe(200);
      }
      expect(bodies).toEqual(["some text", "some text", "some bytes", "some bytes"]);
    },
  },
  {
    name: "a stream is sent once",
    async run(bench) {
      const bodies: string[] = [];
      const server = await bench.http(async (request, response) => {
        bodies.push(await bodyOf(request));
        response.writeHead(503).end();
      });
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("streamed"));
          controller.close();
        },
      });
      const call = { method: "PUT", body: body as unknown as AsyncIterable<Uint8Array> };
      expect((await bench.finish(statusAndText(bench.client().call(server.origin, call))))[0]).toBe(503);
      expect(bodies).toEqual(["streamed"]);
    },
  },
  {
    name: "retries can be switched off",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.writeHead(503).end());
      const client = bench.client({ retry: false });
      expect((await statusAndText(client.call(server.origin)))[0]).toBe(503);
      expect(server.arrived()).toBe(1);
    },
  },
  {
    name: "an unwanted answer without end does not hold up the retry",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        if (arrived > 1) return void response.end("good");
        response.writeHead(503);
        response.write("and then nothing");
      });
      expect(await bench.finish(statusAndText(bench.client().call(server.origin)))).toEqual([200, "good"]);
    },
  },
  {
    name: "an unwanted answer without bound is cut",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        if (arrived > 1) return void response.end("good");
        response.writeHead(503);
        const more = (): void => {
          while (response.write("x".repeat(16_384)));
          response.once("drain", more);
        };
        more();
      });
      expect(await bench.finish(statusAndText(bench.client().call(server.origin)))).toEqual([200, "good"]);
    },
  },
];

/** A thousand requests, ten at a time, to a server that always says 503. */
async function storm(bench: Bench, budget: false | undefined): Promise<number> {
  const server = await bench.http((_request, response) => void response.writeHead(503).end("later"));
  const client = bench.client({ limiter: false, ...(budget === false ? { budget } : {}) });
  let requests = 0;
  const caller = async (): Promise<void> => {
    while (requests < 1000) {
      requests++;
      expect((await statusAndText(client.call(server.origin)))[0]).toBe(503);
    }
  };
  await bench.finish(Promise.all(Array.from({ length: 10 }, caller)));
  return server.arrived() / requests;
}

const guarding: Check[] = [
  {
    name: "in a storm of failures retries add a tenth, not two times as much again",
    async run(bench) {
      const attempts = await storm(bench, undefined);
      expect(attempts).toBeGreaterThan(1.05);
      expect(attempts).toBeLessThanOrEqual(1.15);
    },
  },
  {
    name: "without a budget it is three attempts per request",
    async run(bench) {
      expect(await storm(bench, false)).toBe(3);
    },
  },
  {
    name: "one budget can serve all origins",
    async run(bench) {
      const servers = [0, 1].map(() => bench.http((_request, response) => void response.writeHead(503).end()));
      const budget = new RetryBudget({ ratio: 0, minimumPerSecond: 0.1, clock: bench.clock });
      const client = bench.client({ budget });
      for (const server of servers) await bench.finish(statusAndText(client.call((await server).origin)));
      expect((await servers[0]!).arrived() + (await servers[1]!).arrived()).toBe(3);
    },
  },
  {
    name: "failures of the server open the breaker: then nobody connects",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.writeHead(502).end());
      const client = bench.client({ retry: false });
      for (let index = 0; index < 5; index++) await statusAndText(client.call(server.origin));
      expect(await codeOfRejection(client.call(server.origin))).toBe("SNOWSHED_CIRCUIT_OPEN");
      expect(server.arrived()).toBe(5);
    },
  },
  {
    name: "a server that sheds, or refuses, does not open the breaker",
    async run(bench) {
      const statuses = [429, 503, 404];
      const server = await bench.http((_request, response, arrived) => {
        response.writeHead(statuses[arrived % statuses.length]!, { "retry-after": "1" }).end();
      });
      const client = bench.client({ retry: false });
      for (let index = 0; index < 60; index++) await statusAndText(client.call(server.origin));
      expect(client.origins.peek(server.origin)?.breaker?.state).toBe("closed");
    },
  },
  {
    name: "a server that sheds is a sample of congestion for the limiter, one that refuses is none",
    async run(bench) {
      const dropped: boolean[] = [];
      const limiter = (): Limiter =>
        new Limiter({ algorithm: { limit: 10, sample: (sample) => void dropped.push(sample.dropped) } });
      const server = await bench.http(
        (request, response) => void response.writeHead(Number(request.url!.slice(1))).end(),
      );
      const client = bench.client({ retry: false, limiter });
      for (const status of [200, 503, 429, 404, 500]) await statusAndText(client.call(`${server.origin}/${status}`));
      await quiet();
      expect(dropped).toEqual([false, true, true]);
    },
  },
  {
    name: "a dead port opens the breaker, and comes back by and by",
    async run(bench) {
      const dead = await bench.http(() => {});
      await dead.close();
      const client = bench.client({ retry: false });
      for (let index = 0; index < 5; index++) await expect(client.call(dead.origin)).rejects.toThrow();
      expect(await codeOfRejection(client.call(dead.origin))).toBe("SNOWSHED_CIRCUIT_OPEN");
      // Alive again, under another breaker's state: what counts is who is asked when.
      const held: (() => void)[] = [];
      const server = await bench.http((_request, response) => void held.push(() => response.end("alive")));
      const revived = bench.client({
        retry: false,
        breaker: () => client.origins.peek(dead.origin)!.breaker!,
      });
      await bench.clock.advance(5000);
      let succeeded = 0;
      for (const probes of [1, 2, 4]) {
        const calls = Array.from({ length: 8 }, () => statusAndText(revived.call(server.origin)));
        const settled = Promise.allSettled(calls);
        await until(() => held.length === probes, `${probes} probes`);
        await quiet();
        expect(held.length).toBe(probes);
        for (const answer of held.splice(0)) answer();
        const outcomes = await settled;
        succeeded += outcomes.filter(({ status }) => status === "fulfilled").length;
      }
      expect(succeeded).toBe(7);
      expect(client.origins.peek(dead.origin)!.breaker!.state).toBe("half-open");
      for (let index = 0; index < 3; index++) {
        const call = statusAndText(revived.call(server.origin));
        await until(() => held.length === 1, "a probe");
        held.pop()!();
        await call;
      }
      expect(client.origins.peek(dead.origin)!.breaker!.state).toBe("closed");
    },
  },
  {
    name: "a breaker opened by hand refuses, one switched off never does",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.writeHead(502).end());
      const opened = bench.client({
        breaker: () => {
          const breaker = new CircuitBreaker({ clock: bench.clock });
          breaker.open("maintenance");
          return breaker;
        },
      });
      expect(await codeOfRejection(opened.call(server.origin))).toBe("SNOWSHED_CIRCUIT_OPEN");
      expect(server.arrived()).toBe(0);
      const off = bench.client({ breaker: false, retry: false });
      for (let index = 0; index < 30; index++) await statusAndText(off.call(server.origin));
      expect(server.arrived()).toBe(30);
    },
  },
  {
    name: "a slow server is not given more than the limit; the rest is refused here, and not retried",
    async run(bench) {
      const held: (() => void)[] = [];
      const server = await bench.http((_request, response) => void held.push(() => response.end("slow")));
      const client = bench.client({ limiter: small(bench, 2) });
      const admitted = [client.call(server.origin), client.call(server.origin)].map((call) => statusAndText(call));
      await until(() => held.length === 2, "two requests");
      const refused = observe(client.call(server.origin));
      await until(() => refused.outcome.status === "rejected", "the refusal");
      expect(refused.outcome).toMatchObject({ reason: { code: "SNOWSHED_LIMIT_EXCEEDED" } });
      expect(bench.clock.pending).toBe(0);
      for (const answer of held) answer();
      expect(await Promise.all(admitted)).toEqual([
        [200, "slow"],
        [200, "slow"],
      ]);
      expect(server.arrived()).toBe(2);
    },
  },
  {
    name: "a burst waits its turn",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end("yes"));
      const client = bench.client();
      const burst = Array.from({ length: 110 }, () => statusAndText(client.call(server.origin)));
      expect(client.origins.peek(server.origin)?.limiter).toMatchObject({ inflight: 20, queued: 90 });
      await Promise.all(burst);
      expect(server.arrived()).toBe(110);
    },
  },
  {
    name: "the place is kept until the body has ended",
    async run(bench) {
      const held: (() => void)[] = [];
      const server = await bench.http((_request, response) => {
        response.write("begin");
        held.push(() => response.end(" and end"));
      });
      const client = bench.client();
      const answer = await client.call(server.origin);
      const { limiter } = client.origins.peek(server.origin)!;
      const text = answer.text();
      await quiet();
      expect(limiter!.inflight).toBe(1);
      held[0]!();
      expect(await text).toBe("begin and end");
      await until(() => limiter!.inflight === 0, "the place");
    },
  },
  {
    name: "a body that is canceled gives its place back, and its connection",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.write("begin"));
      const client = bench.client();
      const answer = await client.call(server.origin);
      await answer.cancel();
      await until(() => client.origins.peek(server.origin)!.limiter!.inflight === 0, "the place");
      await until(() => server.sockets() === 0, "the socket");
    },
  },
  {
    name: "a small body that nobody reads gives its place back",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end("nobody reads this"));
      const client = bench.client();
      const answer = await client.call(server.origin);
      await until(() => client.origins.peek(server.origin)!.limiter!.inflight === 0, "the place");
      expect(await answer.text()).toBe("nobody reads this");
    },
  },
  {
    name: "a large body that nobody reads gives its place back in time, and can still be read",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end("x".repeat(8_000_000)));
      const client = bench.client();
      const answer = await client.call(server.origin);
      const { limiter } = client.origins.peek(server.origin)!;
      await quiet(500);
      expect(limiter!.inflight).toBe(1);
      await bench.clock.advance("30s");
      expect(limiter!.inflight).toBe(0);
      expect((await answer.text()).length).toBe(8_000_000);
    },
  },
  {
    name: "five thousand origins are not five thousand states",
    async run(bench) {
      const server = await bench.http((_request, response) => {
        response.setHeader("connection", "close");
        response.end();
      });
      const client = bench.client();
      for (let batch = 0; batch < 50; batch++) {
        const hosts = Array.from({ length: 100 }, (_, index) => `127.0.${batch + 1}.${index + 1}`);
        await Promise.all(hosts.map((host) => statusAndText(client.call(`http://${host}:${server.port}/`))));
      }
      expect(server.arrived()).toBe(5000);
      expect(client.origins.size).toBe(1000);
      expect(client.origins.peek(`http://127.0.50.100:${server.port}`)).toBeDefined();
      expect(client.origins.peek(`http://127.0.1.1:${server.port}`)).toBeUndefined();
    },
  },
];

/** Nothing of the call hangs on the signal any more. */
async function expectNoListeners(signal: AbortSignal): Promise<void> {
  await until(() => getEventListeners(signal, "abort").length === 0, "the end of the listeners");
}

const ending: Check[] = [
  {
    name: "an aborted signal refuses without connecting",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end());
      const reason = new Error("gone before");
      const signal = AbortSignal.abort(reason);
      await expect(bench.client().call(server.origin, { signal })).rejects.toBe(reason);
      expect(server.arrived()).toBe(0);
      await expectNoListeners(signal);
    },
  },
  {
    name: "an abort while waiting for the answer rejects with its reason, and ends the request",
    async run(bench) {
      const server = await bench.http(() => {});
      const client = bench.client();
      const controller = new AbortController();
      const call = observe(client.call(server.origin, { signal: controller.signal }));
      await until(() => server.arrived() === 1, "the request");
      const reason = new Error("gone meanwhile");
      controller.abort(reason);
      await until(() => call.outcome.status === "rejected", "the rejection");
      expect(call.outcome).toMatchObject({ reason });
      await until(() => server.sockets() === 0, "the end of the socket");
      await expectNoListeners(controller.signal);
      expect(client.origins.peek(server.origin)!.breaker!.state).toBe("closed");
    },
  },
  {
    name: "an abort ends the wait before a retry at once",
    async run(bench) {
      const server = await bench.http(
        (_request, response) => void response.writeHead(503, { "retry-after": "9" }).end(),
      );
      const controller = new AbortController();
      const call = observe(bench.client().call(server.origin, { signal: controller.signal }));
      await until(() => bench.clock.pending > 0, "the wait");
      controller.abort();
      await until(() => call.outcome.status === "rejected", "the rejection");
      expect(call.outcome).toMatchObject({ reason: { name: "AbortError" } });
      expect(bench.clock.pending).toBe(0);
      await expectNoListeners(controller.signal);
    },
  },
  {
    name: "an abort ends the wait for a place at once",
    async run(bench) {
      const held: (() => void)[] = [];
      const server = await bench.http((_request, response) => void held.push(() => response.end()));
      const client = bench.client({ limiter: small(bench, 1, 1) });
      const first = statusAndText(client.call(server.origin));
      await until(() => held.length === 1, "the first");
      const controller = new AbortController();
      const second = observe(client.call(server.origin, { signal: controller.signal }));
      await until(() => client.origins.peek(server.origin)!.limiter!.queued === 1, "the wait");
      controller.abort();
      await until(() => second.outcome.status === "rejected", "the rejection");
      expect(client.origins.peek(server.origin)!.limiter!.queued).toBe(0);
      held[0]!();
      await first;
      expect(server.arrived()).toBe(1);
      await expectNoListeners(controller.signal);
    },
  },
  {
    name: "an abort in the middle of the body is an error of the body",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.write("begin"));
      const controller = new AbortController();
      const answer = await bench.client().call(server.origin, { signal: controller.signal });
      const text = observe(answer.text());
      await quiet();
      expect(text.outcome.status).toBe("pending");
      const reason = new Error("enough");
      controller.abort(reason);
      await until(() => text.outcome.status === "rejected", "the error");
      expect(text.outcome).toMatchObject({ reason });
      await expectNoListeners(controller.signal);
    },
  },
  {
    name: "an abort after the end does nothing; the signal is left without listeners before that",
    needs: "signals",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        response.writeHead(arrived % 2 === 1 ? 503 : 200).end("fine");
      });
      const controller = new AbortController();
      const client = bench.client();
      for (let index = 0; index < 3; index++) {
        const answer = statusAndText(client.call(server.origin, { signal: controller.signal }));
        expect(await bench.finish(answer)).toEqual([200, "fine"]);
      }
      await expectNoListeners(controller.signal);
      controller.abort();
      await quiet();
    },
  },
  {
    name: "the time left goes out with every attempt",
    needs: "signals",
    async run(bench) {
      const sent: unknown[] = [];
      const server = await bench.http((request, response, arrived) => {
        sent.push(request.headers["x-request-timeout-ms"], request.headers["x-other"]);
        response.writeHead(arrived === 1 ? 503 : 200, { "retry-after": "2" }).end();
      });
      using context = Context.root({ clock: bench.clock }).withTimeout("8s");
      let waits = false;
      const onRetry = (): void => {
        waits = true;
      };
      const client = bench.client({ retry: { backoff: { jitter: "none", initial: 0 }, onRetry } });
      const headers = { "x-other": "kept" };
      const call = statusAndText(client.call(server.origin, { signal: context, headers }));
      await until(() => waits, "the wait");
      await bench.clock.advance("2s");
      expect((await call)[0]).toBe(200);
      expect(sent).toEqual(["8000", "kept", "6000", "kept"]);
    },
  },
  {
    name: "without a deadline there is no such header, and it can be switched off",
    async run(bench) {
      const sent: unknown[] = [];
      const server = await bench.http((request, response) => {
        sent.push(request.headers["x-request-timeout-ms"]);
        response.end();
      });
      await statusAndText(bench.client().call(server.origin));
      await statusAndText(bench.client({ deadline: "9s" }).call(server.origin));
      await statusAndText(bench.client({ deadline: "9s", deadlineHeader: false }).call(server.origin));
      expect(sent).toEqual([undefined, "9000", undefined]);
    },
  },
  {
    name: "a request without time left is refused without a connection",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end());
      const context = Context.root({ clock: bench.clock }).withTimeout(0);
      const call = bench.client().call(server.origin, { signal: context });
      await expect(call).rejects.toMatchObject({ name: "TimeoutError" });
      expect(server.arrived()).toBe(0);
    },
  },
  {
    name: "at the deadline the attempt is aborted, and no retry waits beyond it",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        if (arrived > 1) response.writeHead(503, { "retry-after": "5" }).end();
      });
      const client = bench.client({ deadline: "3s" });
      const call = observe(client.call(server.origin));
      await until(() => server.arrived() === 1, "the request");
      await bench.clock.advance("3s");
      await until(() => call.outcome.status === "rejected", "the rejection");
      expect(call.outcome).toMatchObject({ reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
      await until(() => server.sockets() === 0, "the end of the socket");
      expect((await statusAndText(client.call(server.origin)))[0]).toBe(503);
      expect(server.arrived()).toBe(2);
    },
  },
  {
    name: "the deadline holds for the body, too",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.write("begin"));
      const answer = await bench.client({ deadline: "3s" }).call(server.origin);
      const text = observe(answer.text());
      await bench.clock.advance("3s");
      await until(() => text.outcome.status === "rejected", "the error");
      expect(text.outcome).toMatchObject({ reason: { code: "SNOWSHED_DEADLINE_EXCEEDED" } });
      await until(() => server.sockets() === 0, "the end of the socket");
    },
  },
  {
    name: "an attempt without an answer in time is ended and made again; a body may take longer",
    async run(bench) {
      const server = await bench.http((_request, response, arrived) => {
        if (arrived === 1) return;
        response.write("slow");
        bench.clock.setTimeout(() => response.end(" body"), 5000);
      });
      const client = bench.client({ timeout: "1s" });
      expect(await bench.finish(statusAndText(client.call(server.origin)))).toEqual([200, "slow body"]);
      expect(server.arrived()).toBe(2);
    },
  },
  {
    name: "attempts that time out open the breaker",
    async run(bench) {
      const server = await bench.http(() => {});
      const client = bench.client({ timeout: "1s", retry: false });
      for (let index = 0; index < 5; index++) {
        expect(await codeOfRejection(bench.finish(client.call(server.origin)))).toBe("SNOWSHED_DEADLINE_EXCEEDED");
      }
      expect(await codeOfRejection(client.call(server.origin))).toBe("SNOWSHED_CIRCUIT_OPEN");
    },
  },
  {
    name: "a classifier that fails is heard of, and holds nothing",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.end());
      const classify = (): never => {
        throw new Error("of the classifier");
      };
      const call = bench.client({ classify }).call(server.origin);
      expect(await codeOfRejection(call)).toBe("SNOWSHED_CLASSIFIER_FAILED");
    },
  },
];

export const checks: readonly Check[] = [...retrying, ...guarding, ...ending];
