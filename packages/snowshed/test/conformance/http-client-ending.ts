// Aborts, deadlines and timeouts, and what they leave behind.
import { getEventListeners } from "node:events";
import { Context } from "snowshed";
import { expect } from "vitest";
import { observe } from "../support/promises.ts";
import type { Check } from "./http-client-bench.ts";
import { quiet, until } from "../support/turns.ts";
import { codeOfRejection, small, statusAndText } from "./http-client-outcomes.ts";

/** Nothing of the call hangs on the signal any more. */
async function expectNoListeners(signal: AbortSignal): Promise<void> {
  await until(() => getEventListeners(signal, "abort").length === 0, "the end of the listeners");
}

export const ending: readonly Check[] = [
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
  {
    name: "a classifier that fails lets go of an answer that goes on",
    async run(bench) {
      const server = await bench.http((_request, response) => void response.write("begun"));
      const classify = (): never => {
        throw new Error("of the classifier");
      };
      const call = bench.client({ classify }).call(server.origin);
      expect(await codeOfRejection(call)).toBe("SNOWSHED_CLASSIFIER_FAILED");
    },
  },
];
