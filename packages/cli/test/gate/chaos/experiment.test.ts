import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../../../snowshed/test/support/redis.ts";
import type { RedisServer } from "../../../../snowshed/test/support/redis.ts";
import { freePort } from "../../../../snowshed/test/support/server-programs.ts";
import { ToxiproxyApi } from "../../../src/gate/chaos/toxiproxy-api.ts";
import { AllowList } from "../../../src/gate/chaos/targets.ts";
import { chaosFiles, runChaos } from "../../support/chaos.ts";

// What an experiment concludes when its probes say less than they seem to.

let redis: RedisServer;
let port: number;
beforeAll(async () => {
  redis = await startRedis();
  port = await freePort();
}, 300_000);
afterAll(() => redis.stop());

const through = () => ({ probe: "redis", target: `127.0.0.1:${port}`, timeoutMs: 2000 });

/** A delay in front of Redis, which a PING through the proxy sees. */
function delay(more: object = {}, fault: object = {}): object {
  return {
    id: "redis-delay",
    steadyState: [{ ...through(), maxMs: 200 }],
    fault: {
      engine: "embedded",
      target: `127.0.0.1:${redis.port}`,
      listen: `127.0.0.1:${port}`,
      kind: "latency",
      delayMs: 300,
      durationS: 0.5,
      probeEveryMs: 20,
      ...fault,
    },
    faultSeen: { ...through(), minMs: 250 },
    recover: { withinS: 5, expect: ["steady-state"] },
    ...more,
  };
}

async function outcomeOf(
  experiment: object,
): Promise<{ readonly code: number; readonly outcome: string; readonly message: string }> {
  const { code, stage } = await runChaos(chaosFiles([experiment]));
  const [result] = stage?.facts.experiments ?? [];
  return { code, outcome: result?.outcome ?? "", message: result?.message ?? "" };
}

/** Takes its time, and always succeeds: one that is under way when the fault ends is cut off. */
const slow = { probe: "command", command: ["sleep", "0.3"], fails: true };

describe("a probe that is cut off by the end of the fault", () => {
  test("has not failed: the fault was not seen", async () => {
    expect(await outcomeOf(delay({ faultSeen: slow }))).toMatchObject({ code: 3, outcome: "fault-not-seen" });
  });

  test("has not met the abort condition, and one that fails has", async () => {
    expect(await outcomeOf(delay({ abortWhen: slow }))).toMatchObject({ code: 0, outcome: "recovered" });
    const failing = { ...through(), fails: true, timeoutMs: 200 };
    expect(await outcomeOf(delay({ abortWhen: failing }, { durationS: 600 }))).toMatchObject({
      code: 1,
      outcome: "aborted",
    });
  });
});

test("a fault that nobody saw while recovery is asked for during it: nothing was tested, and nothing blocks", async () => {
  const around = { probe: "redis", target: `127.0.0.1:${redis.port}`, minMs: 250 };
  const unseen = delay({ faultSeen: around }, { duringFault: true, durationS: 0.3 });
  expect(await outcomeOf(unseen)).toMatchObject({ code: 3, outcome: "fault-not-seen" });
});

describe("an abort condition", () => {
  test("that is met before there is a fault: nothing is injected", async () => {
    const met = { ...through(), minMs: 0 };
    const { code, outcome, message } = await outcomeOf(delay({ abortWhen: met }, { settleS: 0 }));
    expect([code, outcome]).toEqual([3, "steady-state"]);
    expect(message).toContain("nothing was injected: the abort condition is met already");
  });

  test("that cannot be asked could not end the fault: nothing is injected", async () => {
    const abortWhen = { probe: "prometheus", url: `http://127.0.0.1:${await freePort()}`, query: "up", min: 50 };
    const { code, outcome, message } = await outcomeOf(delay({ abortWhen }, { settleS: 0 }));
    expect([code, outcome]).toEqual([3, "steady-state"]);
    expect(message).toContain("nothing was injected: the abort condition cannot be asked");
  });
});

test("a probe that never answers is no pass, and does not hold the gate", async () => {
  const server = createServer(() => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const silent = { probe: "http", url, timeoutMs: 60_000 };
  // As the steady state, as what recovers, and as what sees the fault.
  expect(await outcomeOf(delay({ steadyState: [{ ...silent, timeoutMs: 50 }] }, { settleS: 0 }))).toMatchObject({
    code: 3,
    outcome: "steady-state",
  });
  expect(await outcomeOf(delay({ recover: { withinS: 0.2, expect: [silent] } }))).toMatchObject({
    code: 1,
    outcome: "not-recovered",
  });
});

test("an injection that fails half-way is taken back whole", async () => {
  const api = new ToxiproxyApi(new AllowList(undefined));
  const { port: apiPort } = await api.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => api.close());
  const upstream = { host: "127.0.0.1", port: redis.port };
  const [first, second] = await Promise.all(
    ["first", "second"].map((name) => api.create(name, { host: "127.0.0.1", port: 0 }, upstream)),
  );
  const left = { type: "latency", stream: "downstream", toxicity: 1, attributes: { latency: 1, jitter: 0 } } as const;
  second!.add({ ...left, name: "snowshed-redis-delay-latency-downstream" });
  const target = { url: `http://127.0.0.1:${apiPort}`, proxies: ["first", "second"] };
  const seen = { probe: "redis", target: first!.listen };
  const experiment = delay(
    { steadyState: [seen], faultSeen: { ...seen, minMs: 250 } },
    { engine: "toxiproxy", target, listen: undefined },
  );
  const { code, outcome, message } = await outcomeOf(experiment);
  expect([code, outcome]).toEqual([3, "injection"]);
  expect(message).toContain("toxic already exists");
  expect([first!.toxics, second!.toxics]).toEqual([[], []]);
});
