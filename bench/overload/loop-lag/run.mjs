// `node bench/overload/loop-lag/run.mjs [--workload cpu|mixed|hello|pause] [--modes none,snowshed] [--rounds 3]`,
// or `--cost --workload hello`,
// after `npm run build`. The server is pinned to core 0, the generator to core 1; a round whose generator was late
// (p99 over 10 ms) is void and says so. Capacity is what the bare handler answers in a closed loop.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    workload: { type: "string", default: "cpu" },
    modes: { type: "string", default: "none,blind,snowshed" },
    rounds: { type: "string", default: "3" },
    capacity: { type: "string" },
    factors: { type: "string", default: "0.1,0.5,0.7,3,0.7" },
    cost: { type: "boolean", default: false },
    seconds: { type: "string", default: "6" },
  },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** All threads of a process on one core and, where that is allowed, before what else runs there. */
async function prefer(pid, core) {
  await once(spawn("taskset", ["-acp", String(core), String(pid)], { stdio: "ignore" }), "close");
  // Linux may weigh sessions, not processes: these two are detached, so each is a session of its own.
  await writeFile(`/proc/${pid}/autogroup`, "-20").catch(() => {});
  await once(spawn("renice", ["-n", "-20", "-p", String(pid)], { stdio: "ignore" }), "close");
}

async function startServer(mode) {
  const server = fork(here("server.mjs"), [mode, options.workload], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    detached: true,
  });
  await prefer(server.pid, 0);
  const [port] = await once(server, "message");
  return { port, server, state: async () => (await fetch(`http://127.0.0.1:${port}/state`)).json() };
}

async function load(port, seed, phases) {
  const child = spawn(process.execPath, [here("load.mjs"), port, seed, JSON.stringify(phases)].map(String), {
    detached: true,
  });
  await prefer(child.pid, 1);
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.pipe(process.stderr);
  await once(child, "close");
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Answers per second of the bare handler, kept busy. */
async function calibrate() {
  const { port, server } = await startServer("none");
  const clients = 20;
  const [{ capacity }] = await load(port, 1, [{ clients, seconds: 4 }]);
  server.kill();
  return capacity;
}

const capacity = options.cost ? 0 : Number(options.capacity ?? (await calibrate()).toFixed(0));
console.log(`workload ${options.workload}, capacity ${capacity}/s`);
const format = (value, digits = 0) => (value === null ? "–" : value.toFixed(digits));
if (options.cost) {
  // What a request costs the server in time of its processor, which others that use the core change least.
  console.log("round mode | p50 p99 ms at 500/s | µs of CPU a request, kept busy by 16 clients | answers/s");
  for (let round = 1; round <= Number(options.rounds); round++) {
    for (const mode of ["none", "blind", "dispatch only", "snowshed", "shed all"]) {
      const { port, server, state } = await startServer(mode);
      await load(port, 1, [{ clients: 16, seconds: 2 }]);
      const [row] = await load(port, round, [{ rate: 500, seconds: 4 }]);
      const before = await state();
      const [{ capacity: busy, answers }] = await load(port, round, [{ clients: 16, seconds: 3 }]);
      const after = await state();
      const spent = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
      const [p50, p99] = mode === "shed all" ? [row.shedP50, row.shedP99] : [row.goodP50, row.goodP99];
      const lag = row.lagP99 > 10 ? " VOID" : "";
      console.log(`${round} ${mode} | ${p50} ${p99}${lag} | ${(spent / answers).toFixed(1)} | ${busy.toFixed(0)}`);
      server.kill();
      await once(server, "exit");
    }
  }
  process.exit(0);
}
console.log(
  "round mode factor | goodput %C | good p50 p99 ms | shed % p50 p99 ms | late % failed | generator p99 ms | limit",
);
for (let round = 1; round <= Number(options.rounds); round++) {
  for (const mode of options.modes.split(",")) {
    const { port, server, state } = await startServer(mode);
    await load(port, 1, [{ rate: capacity * 0.5, seconds: 4 }]);
    for (const factor of options.factors.split(",").map(Number)) {
      const [row] = await load(port, round * 1000 + factor * 10, [
        { rate: capacity * factor, seconds: Number(options.seconds), settle: 2 },
      ]);
      const { limit } = await state();
      const cells = [
        `${round} ${mode} ${factor}×`,
        format((row.goodput / capacity) * 100, 1),
        `${format(row.goodP50, 1)} ${format(row.goodP99, 1)}`,
        `${format(row.shedShare * 100, 1)} ${format(row.shedP50, 1)} ${format(row.shedP99, 1)}`,
        `${format(row.lateShare * 100, 1)} ${row.failed}`,
        `${format(row.lagP99, 1)}${row.lagP99 > 10 ? " VOID" : ""}`,
        limit,
      ];
      console.log(cells.join(" | "));
    }
    server.kill();
    await once(server, "exit");
  }
}
