import { describe, test } from "vitest";
import { cases } from "../../conformance/http-server.ts";
import { startExpress4, startExpress5, startFastify, startHono, startNode } from "./servers.ts";

describe.each([
  ["nodeHandler", startNode],
  ["Express 5", startExpress5],
  ["Express 4", startExpress4],
  ["Fastify", startFastify],
  ["Hono", startHono],
])("%s", (_, start) => {
  // Ten thousand requests take their time on a busy machine.
  test.each(Object.entries(cases))("%s", { timeout: 60_000 }, async (_, run) => run(start));
});
