import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { runCapacity } from "../../../src/gate/capacity/run-capacity.ts";
import { temporaryFolder } from "../../support/folders.ts";
import { tenPlaces } from "./ten-places.ts";

// A knee that is really there: of a server whose capacity is its places. What is measured is never more than they allow. To
// find it, the machine must have nothing else to do, which beside other tests it has not: that is tried by hand.

/** `SNOWSHED_R21=full`: steps of two seconds on this machine as it is, which must be quiet; the capacity is found. */
const isFull = process.env["SNOWSHED_R21"] === "full";
/** Of each request. */
const serviceMs = isFull ? 100 : 20;
const mostPerSecond = (10 * 1000) / serviceMs;

/** In the place of k6, for the time it is told, which k6 takes from a second upwards: its users ask one after the other. */
const users = `#!${process.execPath}
const fs = require("node:fs"), http = require("node:http");
const [, , , , , , , vus, , duration] = process.argv;
const agent = new http.Agent({ keepAlive: true });
const times = [];
let failed = 0;
const begin = performance.now();
const ask = () => new Promise((resolve) => {
  const at = performance.now();
  http.get(process.env.SNOWSHED_TARGET, { agent }, (response) => {
    response.resume().on("end", () => {
      times.push(performance.now() - at);
      if (response.statusCode >= 400) failed++;
      resolve();
    });
  });
});
const user = async () => {
  while (performance.now() - begin < parseInt(duration, 10)) await ask();
};
Promise.all(Array.from({ length: Number(vus) }, user)).then(() => {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(share * (times.length - 1))];
  const rate = (times.length * 1000) / (performance.now() - begin);
  fs.writeFileSync(process.env.SNOWSHED_SUMMARY, JSON.stringify({ metrics: {
    http_reqs: { values: { rate, count: times.length } },
    http_req_duration: { values: { med: at(0.5), "p(99)": at(0.99) } },
    http_req_failed: { values: { rate: failed / times.length } },
  } }));
  process.exit(0);
});
`;

test("a ramp over a server with ten places finds them, and never more", async () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, "k6"), users);
  chmodSync(path.join(folder, "k6"), 0o755);
  const { judgement, points } = await runCapacity({
    name: "places",
    config: {
      driver: "k6",
      target: await tenPlaces(serviceMs),
      ramp: { from: 2, to: 32, step: 6, reps: 5 },
      knee: { methods: ["kneedle", "usl"], minAgreement: 2 },
      stepSeconds: isFull ? 2 : 0.01,
    },
    headroom: 0.25,
    targets: undefined,
    out: folder,
    folder,
    mode: "fresh",
    seed: 1,
    env: { PATH: folder },
    signal: new AbortController().signal,
    say: () => Promise.resolve(),
    ...(isFull
      ? {}
      : { machine: { calibrate: () => 1, state: () => Promise.resolve({ load: 0, steal: 0, ticks: 1 }) } }),
  });
  expect(points.map(({ load, repetitions }) => [load, repetitions])).toEqual([2, 8, 14, 20, 26, 32].map((n) => [n, 5]));
  // It is what ten timers allow; one may come a millisecond early.
  for (const { load, throughput } of points) {
    expect([load, throughput < (Math.min(10, load) * 1060) / serviceMs]).toEqual([load, true]);
  }
  expect(judgement.capacity ?? 0).toBeLessThan(mostPerSecond * 1.06);
  if (isFull) {
    expect(judgement).toMatchObject({ verdict: "found", limit: "knee", reasons: [] });
    expect(judgement.capacity).toBeGreaterThan(mostPerSecond * 0.7);
    expect(judgement.safe).toBeCloseTo(judgement.capacity! * 0.75, 6);
  }
}, 300_000);
