import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

// How the processes of a run are started: pinned to one core where that is possible.

const child = fileURLToPath(new URL("child.mjs", import.meta.url));
const core = String(availableParallelism() - 1);
const canPin = spawnSync("taskset", ["-c", core, "true"]).status === 0;

/** After so many ms without an answer a contender is given up. */
const deadline = 180_000;

/** How the children are started, for the report. */
export const pinning = canPin ? `taskset -c ${core}` : "not pinned: no taskset here";

/** A command line, pinned to one core where that is possible. */
export function pinned(command, ...args) {
  return canPin ? ["taskset", "-c", core, command, ...args] : [command, ...args];
}

/** Runs a command line to its end: what it wrote, and how long it took. Rejects when it fails or takes too long. */
export function execute([command, ...args], { env, timeout = 300_000, cwd, output = "pipe" } = {}) {
  const started = performance.now();
  const running = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", output, "pipe"] });
  const timer = setTimeout(() => running.kill("SIGKILL"), timeout);
  let stdout = "";
  let stderr = "";
  running.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
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

/**
 * Starts the process of one contender and waits until it is warm. `next()` has it measure once more; nothing runs in it
 * between two of them.
 */
export async function openContender(row, contender, size, mode, env) {
  const flags = ["--expose-gc", "--no-warnings"];
  if (mode === "memory") flags.push("--min-semi-space-size=256", "--max-semi-space-size=256");
  const order = JSON.stringify({ row: row.name, contender: contender.id, mode, size });
  const [command, ...args] = pinned(process.execPath, ...flags, child, order);
  const running = spawn(command, args, {
    env: { ...process.env, ...env.variables },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  running.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = new Promise((_, reject) => {
    running.on("exit", (code, signal) => reject(new Error(`ended with ${code ?? signal}: ${stderr.slice(-2000)}`)));
  });
  ended.catch(() => {});
  const answer = async () => {
    const late = setTimeout(() => running.kill("SIGKILL"), deadline);
    try {
      return (await Promise.race([once(running, "message"), ended]))[0];
    } finally {
      clearTimeout(late);
    }
  };
  const state = await answer();
  return {
    missing: state.missing,
    next() {
      running.send("next");
      return answer();
    },
    close() {
      if (running.connected) running.disconnect();
    },
  };
}
