// What is asked again, when, and what is not.
import { expect } from "vitest";
import { observe } from "../support/promises.ts";
import type { Answer, Check } from "./http-client-bench.ts";
import { quiet, until } from "../support/turns.ts";
import { bodyOf } from "./http-client-bench.ts";
import { statusAndText } from "./http-client-outcomes.ts";

export const retrying: readonly Check[] = [
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
