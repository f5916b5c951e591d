// The built packages as their users get them: packed, installed into an empty project, type-checked there against the
// declarations without Node's types (those of snowshed/http with them), then loaded and exercised on each runtime
// (smoke.mjs), and the command line started. The runtimes come from the npm registry; nothing is installed on the machine.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const packages = ["packages/snowshed", "packages/cli"];
const bin = "node_modules/@snowshed/cli/dist/bin.js";
const npx = ["npx", "-y"];

/** @type {[name: string, run: string[], runsCommandLine: boolean, runsDiagnostics: boolean][]} */
const runtimes = [
  [`node ${process.versions.node} (this one)`, [process.execPath], true, true],
  ["node 22", [...npx, "node@22.23.3"], true, true],
  ["node 24", [...npx, "node@24.21.0"], true, true],
  ["node 26", [...npx, "node@26.10.0"], true, false],
  ["bun", [...npx, "bun@1.4.5"], false, false],
  ["deno", [...npx, "deno@2.9.6", "run", "--allow-all"], false, false],
];

// When a process ends, and what its garbage collector finds, is another thing on each version of Node.
const programs = ["exit-codes.mjs", "io-soak.mjs"];
/** For how long tasks of all kinds come and go, in seconds. */
const soak = "2";

const typeCheck = {
  compilerOptions: {
    target: "es2022",
    lib: ["es2023", "dom", "esnext.disposable"],
    module: "nodenext",
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  },
  files: ["user.ts"],
};

const user = `
import { Semaphore, batch, type Context } from "snowshed";
import { FakeClock } from "snowshed/testing";
import { FileHandles, Pool, Quota } from "snowshed/throttle";
const report = await batch([1, 2], (n: number, context: Context) => \`\${n} \${context.aborted}\`, { timeout: "3s" });
export const value: string | undefined = report.outcomes[0]?.value;
export const result: Promise<number> = new Semaphore(1).run(() => 1, { timeout: "1s" });
export const clock: FakeClock = new FakeClock();
export const pooled: Promise<number> = new Pool({ create: () => 1, clock }).run((n) => n);
export const left: number | undefined = new Quota({ limits: [{ requests: 1, per: "1s" }], clock }).tryPermit()?.weight;
export const held: number = new FileHandles({ limit: 1, clock }).inspect().held;
`;

const server = `
import { createServer } from "node:http";
import { nodeHandler, requestContext, wrapFetch } from "snowshed/http";
export const server = createServer(nodeHandler((request, response) => response.end(String(requestContext(request).aborted))));
export const answer: Promise<Response> = wrapFetch(fetch, { deadline: "5s" })("http://127.0.0.1/");
`;
/** The same, with Node's types instead of a browser's. */
const typeCheckNode = {
  compilerOptions: {
    ...typeCheck.compilerOptions,
    lib: ["es2023", "esnext.disposable"],
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
  },
  files: ["server.ts"],
};

// When this runs inside `npx -c …`, npm would take these for arguments of the npx calls made here.
const { npm_config_call: _call, npm_config_package: _package, ...env } = process.env;

/** Gives the last line of the output. @param {string} title @param {string[]} command @param {string} cwd */
function run(title, [file = "", ...args], cwd) {
  const start = performance.now();
  const { status, error, stdout, stderr } = spawnSync(file, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 180_000,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (status !== 0) throw new Error(`${title}: ${error?.message ?? `exit ${status}`}\n${stdout}${stderr}`);
  const lastLine = stdout.trim().split("\n").at(-1) ?? "";
  console.log(`${title}: ${lastLine === "" ? "ok" : lastLine} (${seconds} s)`);
  return lastLine;
}

const project = mkdtempSync(join(tmpdir(), "snowshed-project-"));
try {
  /** @param {string} path */
  const pack = (path) =>
    run(`pack ${path}`, ["npm", "pack", "--silent", "--pack-destination", project], join(root, path));
  const tarballs = packages.map((path) => `./${pack(path)}`);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("install", ["npm", "install", "--silent", "--no-audit", "--no-fund", ...tarballs], project);

  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(typeCheck));
  writeFileSync(join(project, "user.ts"), user);
  writeFileSync(join(project, "tsconfig.node.json"), JSON.stringify(typeCheckNode));
  writeFileSync(join(project, "server.ts"), server);
  const tsc = [process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p"];
  run("types", [...tsc, "tsconfig.json"], project);
  run("types with those of Node", [...tsc, "tsconfig.node.json"], project);

  copyFileSync(join(root, "scripts/smoke.mjs"), join(project, "smoke.mjs"));
  for (const program of programs) {
    copyFileSync(join(root, "packages/snowshed/test/diagnostics/programs", program), join(project, program));
  }
  for (const [name, command, runsCommandLine, runsDiagnostics] of runtimes) {
    run(name, [...command, "smoke.mjs"], project);
    if (runsDiagnostics) {
      run(`${name}: how processes end`, [...command, "exit-codes.mjs"], project);
      run(`${name}: leaks`, [...command, "io-soak.mjs", soak], project);
    }
    if (runsCommandLine) run(`${name}: snowshed --version`, [...command, bin, "--version"], project);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}
