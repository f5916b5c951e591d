// The conformance suite against adapters that are broken on purpose: what it cannot reject it does not test.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { Context } from "snowshed";
import { expect, test, vi } from "vitest";
import type { StartServer } from "../../conformance/http-server.ts";
import { cases, listenersAfter } from "../../conformance/http-server.ts";
import { impatiently } from "../../support/turns.ts";
import { callOf, listening, send } from "./servers.ts";

// Connections on a busy machine: no test is about the time that they take.
vi.setConfig({ testTimeout: 60_000 });

interface Fault {
  /** Reads the body before it decides. */
  readonly bodyFirst?: boolean;
  /** Forgets the place of a client that leaves. */
  readonly leaksOnAbort?: boolean;
  /** Forgets the place when the handler throws. */
  readonly leaksOnThrow?: boolean;
  /** Its contexts know nothing of the client. */
  readonly deafContext?: boolean;
  /** Closes the connection of a refused request, and says nothing of when to come back. */
  readonly rude?: boolean;
  /** Adds a listener to the connection for each request. */
  readonly leaksListeners?: boolean;
  /** Admits everything. */
  readonly admitsAll?: boolean;
}

/** An adapter as somebody might write it in an afternoon. */
const startBroken =
  (fault: Fault): StartServer =>
  (handle, { limiter }) => {
    const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (fault.leaksListeners) request.socket.setMaxListeners(0).on("drain", () => {});
      // Its client may leave in the middle of it.
      if (fault.bodyFirst)
        await callOf(request)
          .body()
          .catch(() => "");
      const place = limiter!.tryAcquire();
      if (place === undefined && !fault.admitsAll) {
        if (fault.rude) return void request.socket.destroy();
        return void response.writeHead(503, { "Retry-After": "1", "Content-Length": "0" }).end();
      }
      const context = Context.background.withCancel();
      response.on("close", () => {
        if (!fault.deafContext && !response.writableFinished) context.cancel(new Error("the client disconnected"));
        if (response.writableFinished) place?.success();
        else if (!fault.leaksOnAbort) place?.ignore();
      });
      try {
        await send(await handle({ ...callOf(request), context: () => context }), response);
      } catch {
        if (!fault.leaksOnThrow) place?.ignore();
        response.writeHead(500).end();
        if (fault.leaksOnThrow) response.removeAllListeners("close");
      }
    };
    return listening(createServer((request, response) => void serve(request, response)));
  };

test("what is simple an adapter without faults does, too", async () => {
  for (const name of [
    "answers, and gives the place back",
    "refuses at once what finds no place, and keeps the connection",
    "refuses before the body has come",
    "gives the place back when the handler throws",
    "aborts the context when the client leaves, and only then",
  ]) {
    await cases[name]!(startBroken({}));
  }
  expect(await listenersAfter(100, startBroken({}))).toBe(await listenersAfter(50, startBroken({})));
});

test.each<[Fault, string]>([
  [{ leaksOnThrow: true }, "gives the place back when the handler throws"],
  [{ leaksOnAbort: true }, "aborts the context when the client leaves, and only then"],
  [{ deafContext: true }, "aborts the context when the client leaves, and only then"],
  [{ rude: true }, "refuses at once what finds no place, and keeps the connection"],
  [{ admitsAll: true }, "refuses at once what finds no place, and keeps the connection"],
  [{}, "learns from what was answered: a 503 is a drop, a 404 says nothing"],
  [{}, "takes no place for a stream of events once its headers are out"],
  [{}, "always serves health checks"],
  [{}, "refuses what comes too late, and reads nonsense as nothing"],
  [{}, "tells a caller over its quota when to come back"],
])("%o is rejected by: %s", async (fault, name) => {
  await expect(impatiently(() => cases[name]!(startBroken(fault)))).rejects.toThrow();
});

test("a body that is read first is found out by a client that does not send it", async () => {
  // The right case would wait for ever for the answer: the client of this one leaves.
  let admitted = 0;
  const start = startBroken({ bodyFirst: true });
  const run = (): Promise<void> =>
    cases["serves a body that comes late"]!(async (handle, options) => {
      const server = await start((call) => {
        admitted++;
        return handle(call);
      }, options);
      return server;
    });
  await expect(impatiently(run)).rejects.toThrow("it is admitted before its body has come");
  expect(admitted).toBe(0);
});

test("listeners that are left behind are counted", async () => {
  const start = startBroken({ leaksListeners: true });
  expect(await listenersAfter(100, start)).toBe((await listenersAfter(50, start)) + 50);
});
