// `node bench/overload/http/run.mjs [--workload pool,cpu,mixed] [--only none,snowshed] [--rounds 1] [--scale 1] [--output file]`
// after `npm run build`. The server has core 0, the load core 1. Judges what a limiter must do about an avalanche.
import { fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    workload: { type: "string", default: "pool,cpu,mixed" },
    only: { type: "string" },
    rounds: { type: "string", default: "1" },
    scale: { type: "string", default: "1" },
    output: { type: "string" },
  },
});
const scale = Number(options.scale);
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const percentile = (values, share) =>
  values.length === 0
    ? Number.NaN
    : values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

/** On one core, and before what else runs there. */
async function prefer(pid, core) {
  await once(spawn("taskset", ["-acp", String(core), String(pid)], { stdio: "ignore" }), "close").catch(() => {});
  await once(spawn("renice", ["-n", "-10", "-p", String(pid)], { stdio: "ignore" }), "close").catch(() => {});
}

/** Lets `phases` come down on a server; `{ requests, attempts, lag, rss: [[at, bytes]] }`. */
async function run(workload, protection, client, seed, phases) {
  const server = fork(here("server.mjs"), [workload, protection], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  try {
    await prefer(server.pid, 0);
    const [{ port }] = await once(server, "message");
    const load = fork(here("load.mjs"), [port, client, seed, JSON.stringify(phases)].map(String), {
      serialization: "advanced",
    });
    await prefer(load.pid, 1);
    await once(load, "message");
    const begin = performance.now() + 200;
    const rss = [];
    server.on("message", (message) => message.rss && rss.push([performance.now() - begin, message.rss]));
    const timers = [];
    let edge = 200;
    for (const { seconds, slowdown = 1 } of phases) {
      timers.push(setTimeout(() => server.connected && server.send({ slowdown }), edge));
      edge += seconds * 1000;
    }
    const [measured] = await once(load, "message");
    for (const timer of timers) clearTimeout(timer);
    return { ...measured, rss };
  } finally {
    server.kill("SIGKILL");
    await once(server, "exit");
  }
}

const inside = (list, from, until) => list.filter(([at]) => at >= from && at < until);

/** The latency of the server at rest, and what it answers when it is kept busy by 20 callers, each in turn. */
async function calibrate(workload) {
  const seconds = 4;
  const { attempts } = await run(workload, "none", "stubborn", 1, [{ seconds, rate: 25 }]);
  const good = inside(attempts, 500, seconds * 1000).filter(([, status]) => status === 200);
  const unloaded = percentile(
    good.map(([, , ms]) => ms),
    0.99,
  );
  const busy = await run(workload, "none", "stubborn", 1, [{ seconds, callers: 20 }]);
  const done = inside(busy.attempts, 1000, seconds * 1000).filter(([, status]) => status === 200);
  return { unloaded, capacity: done.length / (seconds - 1) };
}

/** The static limit that does best: nobody can know it beforehand. */
async function findOracle(workload, capacity, unloaded) {
  let best = { limit: 1, goodput: -1 };
  for (const limit of [1, 2, 3, 4, 6, 8, 10, 12, 16, 24, 32]) {
    const seconds = 4;
    const { attempts } = await run(workload, String(limit), "stubborn", 2, [{ seconds, rate: 3 * capacity }]);
    const good = inside(attempts, 1000, seconds * 1000).filter(([, status]) => status === 200);
    const p99 = percentile(
      good.map(([, , ms]) => ms),
      0.99,
    );
    if (p99 <= 4 * unloaded && good.length > best.goodput) best = { limit, goodput: good.length };
  }
  return best.limit;
}

function script(capacity) {
  const phases = [
    // Until the code is compiled and the heap has its size.
    { name: "warm-up", seconds: 4, rate: 0.9 },
    { name: "calm", seconds: 5, rate: 0.5 },
    { name: "ramp", seconds: 4, rate: 0.5, until: 3 },
    { name: "overload", seconds: 10, rate: 3 },
    { name: "after", seconds: 10, rate: 0.7 },
    { name: "fault", seconds: 4, rate: 0.7, slowdown: 8 },
    { name: "end", seconds: 12, rate: 0.7 },
  ];
  let edge = 0;
  return phases.map(({ name, seconds, rate, until, slowdown }) => {
    const from = edge;
    edge += seconds * scale * 1000;
    const own = { name, from, end: edge, seconds: seconds * scale, rate: rate * capacity, slowdown };
    return until === undefined ? own : Object.assign(own, { until: until * capacity });
  });
}

/** Seconds from `from` until 95 % are answered in three half seconds in a row; Infinity if that does not come. */
function recovery(requests, from, until) {
  const shares = [];
  for (let at = from; at + 500 <= until; at += 500) {
    const there = inside(requests, at, at + 500);
    shares.push(there.filter(([, good]) => good).length / there.length);
  }
  const first = shares.findIndex(
    (_, index) => index + 2 < shares.length && shares.slice(index, index + 3).every((share) => share >= 0.95),
  );
  return first === -1 ? Number.POSITIVE_INFINITY : first / 2;
}

function figures({ requests, attempts, rss, lag }, phases, capacity) {
  const phase = (name) => phases.find((each) => each.name === name);
  const [calm, overload, after, last] = ["calm", "overload", "after", "end"].map(phase);
  // Steady state: the last two thirds of a phase.
  const steady = (list, { from, end }) => inside(list, from + (end - from) / 3, end);
  const during = steady(attempts, overload);
  const good = during.filter(([, status]) => status === 200);
  const refused = during.filter(([, status]) => status === 503);
  const lost = (part) => {
    const there = steady(requests, part);
    return there.filter(([, well]) => !well).length / there.length;
  };
  const asked = steady(requests, overload);
  const rssOf = ({ from, end }) => Math.max(...inside(rss, from, end).map(([, bytes]) => bytes));
  return {
    goodput: good.length / (((overload.end - overload.from) / 1000) * (2 / 3) * capacity),
    p99: percentile(
      good.map(([, , ms]) => ms),
      0.99,
    ),
    refusalP99: percentile(
      refused.map(([, , ms]) => ms),
      0.99,
    ),
    recoveredAfterOverload: recovery(requests, after.from, after.end),
    recoveredAfterFault: recovery(requests, last.from, last.end),
    lostAtHalf: lost(calm),
    lostAfter: lost(after),
    attempts: asked.reduce((sum, [, , count]) => sum + count, 0) / asked.length,
    rssGrowth: rssOf(overload) / rssOf(calm),
    lag,
  };
}

const contenders = [
  { name: "none", protection: "none", client: "stubborn" },
  { name: "@fastify/under-pressure", protection: "under-pressure", client: "stubborn" },
  { name: "overload-protection", protection: "overload-protection", client: "stubborn" },
  { name: "static limit 100", protection: "100", client: "stubborn" },
  { name: "cockatiel in the client", protection: "none", client: "cockatiel" },
  { name: "opossum in the client", protection: "none", client: "opossum" },
  { name: "oracle limit", protection: "oracle", client: "stubborn" },
  { name: "snowshed in the server", protection: "snowshed", client: "stubborn" },
  { name: "snowshed in both", protection: "snowshed", client: "snowshed" },
].filter(({ name }) => options.only === undefined || options.only.split(",").some((part) => name.includes(part)));

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const lines = [];
const print = (line = "") => {
  lines.push(line);
  console.log(line);
};
const show = {
  goodput: (value) => `${(value * 100).toFixed(0)} %`,
  p99: (value) => `${value.toFixed(0)} ms`,
  refusalP99: (value) => (Number.isNaN(value) ? "–" : `${value.toFixed(1)} ms`),
  recoveredAfterOverload: (value) => (Number.isFinite(value) ? `${value} s` : "never"),
  recoveredAfterFault: (value) => (Number.isFinite(value) ? `${value} s` : "never"),
  lostAtHalf: (value) => `${(value * 100).toFixed(1)} %`,
  lostAfter: (value) => `${(value * 100).toFixed(1)} %`,
  attempts: (value) => value.toFixed(2),
  rssGrowth: (value) => `${value.toFixed(2)}×`,
  lag: (value) => `${value.toFixed(1)} ms${value > 10 ? " VOID" : ""}`,
};
const heads = [
  ["goodput", "goodput at 3×"],
  ["p99", "p99 of accepted"],
  ["refusalP99", "p99 of the 503"],
  ["recoveredAfterOverload", "well again after overload"],
  ["recoveredAfterFault", "after fault"],
  ["lostAtHalf", "lost at .5×"],
  ["lostAfter", "lost at .7×"],
  ["attempts", "attempts per request at 3×"],
  ["rssGrowth", "RSS at 3× ÷ at rest"],
  ["lag", "generator late, p99"],
];

const { stdout: commit } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" });
print(
  `Commit ${commit.trim()}, Node ${process.version}, ${options.rounds} rounds, scale ${scale}, load average before ${loadavg()
    .map((x) => x.toFixed(1))
    .join(" ")}.`,
);
for (const workload of options.workload.split(",")) {
  const { unloaded, capacity } = await calibrate(workload);
  const oracle = await findOracle(workload, capacity, unloaded);
  print(`\n### ${workload}\n`);
  print(`Capacity ${capacity.toFixed(0)}/s, p99 at rest ${unloaded.toFixed(1)} ms, oracle limit ${oracle}.\n`);
  print(`| | ${heads.map(([, head]) => head).join(" | ")} |`);
  print(`| --- |${heads.map(() => " --: |").join("")}`);
  const phases = script(capacity);
  const found = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= Number(options.rounds); round++) {
    const turns = round % 2 === 1 ? contenders : contenders.toReversed();
    for (const { name, protection, client } of turns) {
      const measured = await run(
        workload,
        protection === "oracle" ? String(oracle) : protection,
        client,
        round,
        phases,
      );
      found.get(name).push(figures(measured, phases, capacity));
    }
  }
  const typical = new Map();
  for (const [name, rounds] of found) {
    const own = Object.fromEntries(heads.map(([key]) => [key, median(rounds.map((each) => each[key]))]));
    typical.set(name, own);
    print(`| ${name} | ${heads.map(([key]) => show[key](own[key])).join(" | ")} |`);
  }
  const names = ["none", "oracle limit", "snowshed in the server", "snowshed in both"];
  const [none, best, server, ours] = names.map((name) => typical.get(name));
  if (ours === undefined || server === undefined || none === undefined || best === undefined) continue;
  print("\n| target | reached |\n| --- | --- |");
  const judge = (text, reached) => print(`| ${text} | ${reached ? "yes" : "**no**"} |`);
  judge("none collapses: goodput below 20 %", none.goodput < 0.2);
  judge("goodput at 3× ≥ 90 % of capacity", ours.goodput >= 0.9);
  judge("goodput at 3× ≥ 95 % of the oracle's", ours.goodput >= 0.95 * best.goodput);
  judge("p99 of accepted ≤ 4× that at rest", ours.p99 <= 4 * unloaded);
  // Clients that have a limiter of their own hardly see one.
  judge("p99 of the 503 ≤ 50 ms, where the server alone is protected", server.refusalP99 <= 50);
  judge("well again ≤ 3 s after the overload", ours.recoveredAfterOverload <= 3);
  judge("well again ≤ 10 s after the fault", ours.recoveredAfterFault <= 10);
  judge("lost at .7× ≤ 1 point above the oracle", ours.lostAfter <= best.lostAfter + 0.01);
  judge("nothing lost at .5×", ours.lostAtHalf === 0);
  judge("attempts per request ≤ 1.15", ours.attempts <= 1.15);
  judge("RSS flat: within 20 %", ours.rssGrowth <= 1.2);
  judge(
    "the generator was on time (p99 ≤ 10 ms)",
    [...typical.values()].every(({ lag }) => lag <= 10),
  );
}
if (options.output !== undefined) await writeFile(options.output, `${lines.join("\n")}\n`);
