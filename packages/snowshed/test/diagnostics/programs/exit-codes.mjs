// How a process ends when its tasks cannot: alone, and with the deadlock detector. Each row is a program of its own, run by
// the Node that runs this file, with the built package: `node exit-codes.mjs` tries all of them.
import { execFile } from "node:child_process";
import { pathToFileURL } from "node:url";

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} program
 * @property {number} code
 * @property {RegExp} stderr
 * @property {RegExp} [stdout]
 */

const prelude = `
import { Group, Semaphore, WaitGroup } from "snowshed";
import { enable, installDeadlockDetector } from "snowshed/diagnostics";
`;
// A machine that is busy with other things is no part of this.
const detector = `${prelude}enable("development", { eventLoopBlocked: Infinity }); installDeadlockDetector();\n`;
const asleep = /fatal: all tasks are asleep - deadlock!/;
const nothing = /^$/;

const waiters = `
const semaphore = new Semaphore(1, { name: "database" });
await_semaphore();
async function await_semaphore() { await semaphore.acquire(); await semaphore.acquire(); }
`;
const topLevel = `
const semaphore = new Semaphore(1, { name: "database" });
await semaphore.acquire();
await semaphore.acquire();
`;
const foreign = `
const group = new Group({ name: "downloads" });
group.go(async function download() { await new Promise(() => {}); });
group.wait();
`;
const each = `
const left = new Semaphore(1, { name: "left" });
const right = new Semaphore(1, { name: "right" });
const group = new Group();
const turn = () => new Promise((resolve) => setImmediate(resolve));
group.go(() => left.run(async () => { await turn(); await right.run(() => {}); }), { name: "first" });
group.go(() => right.run(async () => { await turn(); await left.run(() => {}); }), { name: "second" });
`;
const server = `
import { createServer } from "node:http";
const server = createServer();
server.listen(0, "127.0.0.1");
`;
const stopWarned = `
process.on("warning", ({ code, message }) => { console.log(code, message); setImmediate(() => process.exit(0)); });
`;
/** @param {string} program */
const inWorker = (program) => `
import { Worker } from "node:worker_threads";
import { writeFileSync, rmSync, mkdtempSync } from "node:fs";
const source = ${JSON.stringify(program)}.replaceAll(/from "(snowshed[^"]*)"/g, (_, name) => "from " + JSON.stringify(import.meta.resolve(name)));
const worker = new Worker(new URL("data:text/javascript," + encodeURIComponent(source)));
worker.on("exit", (code) => console.log("the worker ended with", code));
`;

/** @type {Row[]} */
export const rows = [
  { name: "only waiters are left: alone", program: prelude + waiters, code: 0, stderr: nothing },
  { name: "only waiters are left", program: detector + waiters, code: 2, stderr: asleep },
  {
    name: "under top-level await: alone",
    program: prelude + topLevel,
    code: 13,
    stderr: /^$|unsettled top-level await/,
  },
  { name: "under top-level await", program: detector + topLevel, code: 2, stderr: asleep },
  {
    name: "each holds what the other waits for, while a server lives: alone",
    program: `${prelude}${server}${each}setTimeout(() => process.exit(0), 100);`,
    code: 0,
    stderr: nothing,
  },
  {
    name: "each holds what the other waits for, while a server lives",
    program: detector + server + stopWarned + each,
    code: 0,
    stderr: /SS003/,
    stdout: /SS003 .*"first".*"second"/s,
  },
  {
    name: "each holds what the other waits for",
    program: detector + each,
    code: 2,
    stderr: /all tasks are asleep[^]*"first" \[waiting semaphore "right"[^]*"second" \[waiting semaphore "left"/,
  },
  {
    name: "there is enough for both, while a server lives",
    program: `${detector}${server}${stopWarned}${each.replace('Semaphore(1, { name: "left" })', 'Semaphore(2, { name: "left" })')}
      group.wait().then(() => { console.log("done"); server.close(); });`,
    code: 0,
    stderr: nothing,
    stdout: /^done$/m,
  },
  { name: "a promise that nobody settles: alone", program: prelude + foreign, code: 0, stderr: nothing },
  {
    name: "a promise that nobody settles",
    program: detector + foreign,
    code: 2,
    stderr: /all tasks are asleep[^]*"download"/,
  },
  {
    name: "an unref'd server: alone",
    program: `${prelude}${server}server.unref();${waiters}`,
    code: 0,
    stderr: nothing,
  },
  { name: "an unref'd server", program: `${detector}${server}server.unref();${waiters}`, code: 2, stderr: asleep },
  { name: "process.exit()", program: `${detector}${waiters}process.exit(0);`, code: 0, stderr: nothing },
  { name: "process.exit(7)", program: `${detector}${waiters}process.exit(7);`, code: 7, stderr: nothing },
  {
    name: "an error that nobody caught",
    program: `${detector}${waiters}throw new Error("lost");`,
    code: 1,
    stderr: /Error: lost/,
  },
  {
    name: "an exit code was set before",
    program: `${detector}${waiters}process.exitCode = 5;`,
    code: 5,
    stderr: nothing,
  },
  {
    name: "in a worker thread: alone",
    program: inWorker(prelude + waiters),
    code: 0,
    stderr: nothing,
    stdout: /ended with 0/,
  },
  {
    name: "in a worker thread",
    program: inWorker(detector + waiters),
    code: 0,
    stderr: asleep,
    stdout: /ended with 2/,
  },
  {
    name: "all tasks have ended",
    program: `${detector}const group = new Group(); group.go(async () => {}); await group.wait();`,
    code: 0,
    stderr: nothing,
  },
  {
    name: "somebody releases when the process is about to end",
    program: `${detector}${waiters}
      let released = false;
      process.on("beforeExit", () => { if (!released) { released = true; setTimeout(() => semaphore.release(), 10); } });`,
    code: 0,
    stderr: nothing,
  },
  {
    name: "another exit code, and tasks that may stay",
    program: `${prelude}enable("production"); installDeadlockDetector({ exitCode: 13, ignore: ["background"] });
      const group = new Group();
      group.go(() => new Promise(() => {}), { name: "background" });
      group.go(() => new Promise(() => {}), { name: "import" });`,
    code: 13,
    stderr: /"import"/,
  },
  {
    name: "only tasks that may stay",
    program: `${prelude}enable("production"); installDeadlockDetector({ ignore: [/^back/] });
      new WaitGroup().go(() => new Promise(() => {}), { name: "background" });`,
    code: 0,
    stderr: nothing,
  },
  {
    name: "the detector was taken out",
    program: `${prelude}enable("production"); installDeadlockDetector()[Symbol.dispose]();${waiters}`,
    code: 0,
    stderr: nothing,
  },
];

/**
 * @param {Row} row
 * @param {string} cwd where "snowshed" is found
 * @returns {Promise<{ code: number, stdout: string, stderr: string, wrong: string[] }>}
 */
export function runRow(row, cwd) {
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1", FORCE_COLOR: "0" };
  return new Promise((resolve) => {
    const args = ["--input-type=module", "--eval", row.program];
    execFile(process.execPath, args, { cwd, env, timeout: 20_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? -1);
      const wrong = [];
      if (code !== row.code) wrong.push(`exit ${code}; want ${row.code}`);
      if (!row.stderr.test(stderr)) wrong.push(`stderr is not ${row.stderr}: ${stderr}`);
      if (!(row.stdout ?? nothing).test(stdout)) wrong.push(`stdout is not ${row.stdout ?? nothing}: ${stdout}`);
      resolve({ code, stdout, stderr, wrong });
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const queue = [...rows];
  let failed = 0;
  const work = async () => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      const { wrong } = await runRow(row, process.cwd());
      if (wrong.length > 0) failed++;
      for (const line of wrong) process.stderr.write(`${row.name}: ${line}\n`);
    }
  };
  await Promise.all([work(), work()]);
  process.stdout.write(`${rows.length - failed} of ${rows.length} rows of the exit-code table\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}
