import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

import { NotAvailable } from "./ours.mjs";

const child = fileURLToPath(new URL("child.mjs", import.meta.url));
const core = String(availableParallelism() - 1);
const canPin = spawnSync("taskset", ["-c", core, "true"]).status === 0;

/** How the children are started, for the report. */
export const pinning = canPin ? `taskset -c ${core}` : "not pinned: no taskset here";

/** A command line, pinned to one core where that is possible. */
export function pinned(command, ...args) {
  return canPin ? ["taskset", "-c", core, command, ...args] : [command, ...args];
}

/** Runs a command line to its end: what it wrote, and how long it took. Rejects when it fails or takes too long. */
export function execute([command, ...args], { env, timeout = 300_000, cwd } = {}) {
  const started = performance.now();
  const running = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => running.kill("SIGKILL"), timeout);
  let stdout = "";
  let stderr = "";
  running.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  running.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  return new Promise((resolve, reject) => {
    running.on("error", reject);
    running.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve({ stdout, stderr, wall: performance.now() - started });
      else reject(new Error(`${command} ended with ${code ?? signal}: ${stderr.slice(-2000) || "no message"}`));
    });
  });
}

async function inChild(row, contender, size, mode, env) {
  const flags = ["--expose-gc", "--no-warnings"];
  if (mode === "memory") flags.push("--min-semi-space-size=256", "--max-semi-space-size=256");
  const order = JSON.stringify({ row: row.name, contender: contender.id, mode, size, budget: env.budget });
  const { stdout } = await execute(pinned(process.execPath, ...flags, child, order), { env: env.variables });
  return JSON.parse(stdout);
}

async function sampleOf(row, contender, size, mode, env) {
  try {
    if (contender.sample !== undefined) return await contender.sample(env, size);
    return await inChild(row, contender, size, mode, env);
  } catch (error) {
    if (error instanceof NotAvailable) return { missing: error.message };
    return { missing: `failed: ${error.message}` };
  }
}

/**
 * Measures every contender of a row at every size: all of them once a round, in reversed order every other round, so
 * that what the machine does meanwhile meets all alike. Gives `[{ contender, size, samples, missing }]`.
 */
export async function measureRow(row, env) {
  const cells = row.contenders.flatMap((contender) =>
    (contender.sizes ?? row.sizes ?? [undefined]).map((size) => ({ contender, size, samples: [], missing: undefined })),
  );
  for (let round = 0; round < env.rounds; round++) {
    for (const cell of round % 2 === 0 ? cells : cells.toReversed()) {
      if (cell.missing !== undefined || round >= (cell.contender.rounds ?? env.rounds)) continue;
      const sample = await sampleOf(row, cell.contender, cell.size, "time", env);
      env.progress(row, cell, round, sample);
      if (sample.missing === undefined) cell.samples.push(sample);
      else cell.missing = sample.missing;
    }
  }
  if (row.memory) {
    for (const cell of cells) {
      if (cell.missing !== undefined || cell.contender.memory === false) continue;
      const sample = await sampleOf(row, cell.contender, cell.size, "memory", env);
      env.progress(row, cell, "memory", sample);
      cell.bytes = sample.bytes;
    }
  }
  return cells;
}
