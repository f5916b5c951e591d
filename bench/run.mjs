import { spawnSync } from "node:child_process";
import { cp, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { measureRow } from "./harness.mjs";
import { pinning } from "./processes.mjs";
import { markdown } from "./report.mjs";
import { judgeRow } from "./verdict.mjs";

const usage = `node bench/run.mjs [--only <row>]… [--quick] [--json] [--rounds <n>] [--no-build] [--output <file>]

Measures snowshed beside its peers and writes bench/RESULTS.md (with --only or --quick: to the screen).
`;

const order = [
  "try-acquire",
  "acquire",
  "run",
  "contended",
  "deep-queue",
  "abort-storm",
  "fork-join",
  "heap",
  "group",
  "context",
  "context-tree",
  "size",
  "reentrant",
  "windows",
  "window-memory",
  "pipeline",
  "pool",
  "pool-contended",
  "quota",
  "quota-keys",
  "redis-pair",
  "redis-contended",
  "redis-idle",
  "redis-quota",
  "diagnostics",
  "diagnostics-dump",
  "fetch",
  "go",
];

const directory = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
const exists = (path) =>
  stat(path).then(
    () => true,
    () => false,
  );

function command(...args) {
  const { status } = spawnSync(args[0], args.slice(1), { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${args.join(" ")} failed`);
}

/** A copy of what was built: a rebuild during the run changes nothing. */
async function copyOfBuild() {
  const copy = await mkdtemp(join(tmpdir(), "snowshed-bench-"));
  await cp(join(root, "packages/snowshed/dist"), copy, { recursive: true });
  await writeFile(join(copy, "package.json"), '{ "type": "module", "sideEffects": false }\n');
  return copy;
}

function machineLines({ rounds, repetitions }, loadBefore) {
  const [cpu] = cpus();
  const load = (values) => values.map((value) => value.toFixed(1)).join(" ");
  const { stdout: commit } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" });
  return [
    `${new Date().toISOString().slice(0, 10)}, commit ${commit.trim()} (and what was uncommitted in the checkout)`,
    `Node ${process.version}, ${process.platform} ${process.arch}`,
    `${cpus().length} × ${cpu.model}, ${(totalmem() / 1e9).toFixed(0)} GB`,
    `load average ${load(loadBefore)} before and ${load(loadavg())} after; a shared machine: trust the ratios`,
    `children: ${pinning}; ${rounds} rounds of up to ${repetitions} repetitions`,
  ];
}

function progress(row, { contender, size }, round, sample) {
  const { cpu, medianWall, heap, bytes, gzip } = sample;
  const value = sample.missing ?? Number(bytes ?? cpu ?? heap ?? gzip ?? medianWall).toFixed(2);
  process.stderr.write(`${row.name} [${round}] ${contender.id}${size === undefined ? "" : ` @${size}`}: ${value}\n`);
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      rounds: { type: "string" },
      build: { type: "boolean", default: true },
      output: { type: "string" },
      help: { type: "boolean", default: false },
    },
    allowNegative: true,
  });
  if (values.help) return void process.stdout.write(usage);
  const names = values.only?.flatMap((name) => name.split(",")) ?? order;
  const unknown = names.filter((name) => !order.includes(name));
  if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(", ")}; there are ${order.join(", ")}`);
  if (!(await exists(join(directory, "node_modules"))))
    command("npm", "ci", "--prefix", "bench", "--no-audit", "--no-fund");
  if (values.build) command("npm", "run", "--silent", "build");

  const build = await copyOfBuild();
  const env = {
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    repetitions: values.quick ? 5 : 15,
    patience: values.quick ? 1000 : 4000,
    directory,
    root,
    variables: { SNOWSHED_DIST: `${pathToFileURL(build).href}/` },
    progress,
  };
  const loadBefore = loadavg();
  const results = [];
  try {
    for (const name of names) {
      const { row } = await import(`./rows/${name}.mjs`);
      const cells = await measureRow(row, { ...env, rounds: values.quick ? 1 : (row.rounds ?? env.rounds) });
      results.push({ row, cells, verdicts: judgeRow(row, cells) });
    }
  } finally {
    await rm(build, { recursive: true, force: true });
  }

  const flags = process.argv.slice(2).filter((argument) => argument !== "--json" && argument !== "--no-build");
  const machine = {
    command: ["npm run bench", ...(flags.length > 0 ? ["--", ...flags] : [])].join(" "),
    lines: machineLines(env, loadBefore),
  };
  const report = markdown(results, machine);
  const whole = values.only === undefined && !values.quick;
  const output = values.output ?? (whole ? join(directory, "RESULTS.md") : undefined);
  if (output !== undefined) await writeFile(output, report);
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, results }, null, 2)}\n`);
  else if (output === undefined) process.stdout.write(report);
  else process.stderr.write(`written: ${output}\n`);
}

await main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
});
