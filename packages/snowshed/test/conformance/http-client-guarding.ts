// The limiter, the breaker and the budget of an origin.
import { CircuitBreaker, Limiter, RetryBudget } from "snowshed";
import { expect } from "vitest";
import { observe } from "../support/promises.ts";
import type { Bench, Check } from "./http-client-bench.ts";
import { quiet, until } from "../support/turns.ts";
import { codeOfRejection, small, statusAndText } from "./http-client-outcomes.ts";

/** A thousand requests, ten at a time, to a server that always says 503. */
async function storm(bench: Bench, budget?: false): Promise<number> {
  const server = await bench.http((_request, response) => void response.writeHead(503).end("later"));
  const client = bench.client({ limiter: false, retry: { backoff: { initial: 10, maximum: 20 } }, budget });
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

export const guarding: readonly Check[] = [
  {
    name: "in a storm of failures retries add a tenth, not two times as much again",
    heavy: true,
    async run(bench) {
      const attempts = await storm(bench);
      expect(attempts).toBeGreaterThan(1.05);
      expect(attempts).toBeLessThanOrEqual(1.15);
    },
  },
  {
    name: "without a budget it is three attempts per request",
    heavy: true,
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
    heavy: true,
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
