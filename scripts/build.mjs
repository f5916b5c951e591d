// Builds all packages into their dist/ as `npm run build` does, in about a second when nothing changed. The tests call it
// once before they begin, so that what spawns the command line or runs an example never meets a stale build. With errors
// in some file it says so and goes on: `npm run build` is the check, this only keeps dist/ fresh.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
const bundler = fileURLToPath(new URL("bundle-commander.mjs", import.meta.url));

/** Runs `tsc -b` and what follows it, with their messages on stderr, where they disturb no output that is read by a program. */
export function build() {
  return run(compiler, "-b") && run(bundler);
}

/** @param {string[]} args */
function run(...args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error) throw error;
  return status === 0;
}

/** Called by vitest before the first test. */
export function setup() {
  if (!build()) console.error("tsc -b reported errors: tests that use dist/ may see an old build");
}
