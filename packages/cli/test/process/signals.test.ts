import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { start } from "../support/child.ts";
import { bodies, parts, temporaryFolder } from "../support/folders.ts";
import { parseLines, runFetch } from "../support/memory-io.ts";
import { httpServer, rawServer } from "../support/servers.ts";

/** A server that answers the first `good` requests and hangs in the middle of the body of the others. */
async function stallingServer(good: number) {
  let asked = 0;
  let stalled: () => void;
  const whenStalled = new Promise<void>((resolve) => (stalled = resolve));
  const state = { asked: () => asked, whenStalled, heal: () => (good = Infinity) };
  const origin = await httpServer((_, response) => {
    if (++asked <= good) return response.end("x".repeat(1000));
    response.writeHead(200, { "content-length": 1000 });
    response.write("x", () => stalled());
    return undefined;
  });
  return { origin, ...state };
}

const list = (origin: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${origin}/${index}\n`).join("");

const flags = ["--timeout", "none", "--retries", "0", "--per-host", "4"];

/** Every body is whole, and exactly the outcomes and the journal say so. */
function expectConsistent(output: string, stdout: string): void {
  const files = bodies(output);
  const ok = parseLines(stdout).filter(({ status }) => status === "ok");
  expect(ok.map(({ file }) => path.basename(file!)).toSorted()).toEqual(files.toSorted());
  for (const file of files) expect(readFileSync(path.join(output, file))).toHaveLength(1000);
  expect(journalled(output)).toBe(files.length);
}

/** How many requests the journal lists. */
function journalled(output: string): number {
  const journal = path.join(output, ".snowshed-journal.ndjson");
  return existsSync(journal) ? readFileSync(journal, "utf8").split("\n").length - 1 : 0;
}

function linesWritten(stream: Readable, count: number): Promise<void> {
  return new Promise((resolve) => {
    let lines = 0;
    stream.on("data", (chunk: Buffer) => {
      lines += chunk.toString().split("\n").length - 1;
      if (lines >= count) resolve();
    });
  });
}

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, exitCode) => {
  test(`ends the run with ${exitCode}: what was finished is on disk, nothing else, and the summary says so`, async () => {
    const server = await stallingServer(5);
    const output = temporaryFolder();
    const { child, ended } = start(["fetch", "--output", output, ...flags], list(server.origin, 50));
    await Promise.all([server.whenStalled, linesWritten(child.stdout, 5)]);
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(exitCode);
    expect(parts(output)).toEqual([]);
    expectConsistent(output, stdout);
    const outcomes = parseLines(stdout);
    expect(outcomes).toHaveLength(50);
    expect(outcomes.filter(({ error }) => error?.code === "CANCELED")).toHaveLength(45);
    expect(stderr).toMatch(/^50 requests in .*: 5 ok, \d+ failed, \d+ skipped\n/);
    expect(stderr).toContain("stopped by you; --resume fetches what is missing");
  });
});

test("a second Ctrl-C ends at once, and leaves nothing under a final name", async () => {
  const server = await stallingServer(0);
  const output = temporaryFolder();
  // An input without end, an output that nobody takes: the orderly end cannot come.
  const { child, ended } = start(["fetch", "--output", output, ...flags], "open");
  child.stdin.write(list(server.origin, 4));
  await server.whenStalled;
  child.kill("SIGINT");
  child.kill("SIGINT");
  const again = setInterval(() => child.kill("SIGINT"), 20);
  const { code } = await ended;
  clearInterval(again);
  expect(code).toBe(130);
  expect(bodies(output)).toEqual([]);
});

test("Ctrl-C works while the input is silent", async () => {
  const origin = await httpServer((_, response) => response.end("x"));
  const { child, ended } = start(["fetch", "-"], "open");
  child.stdin.write(`${origin}/1\n`);
  await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  child.kill("SIGINT");
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toContain("1 request in");
});

test("killed in the middle: what has a final name is whole, and --resume fetches exactly the rest", async () => {
  const server = await stallingServer(20);
  const output = temporaryFolder();
  const { child, ended } = start(["fetch", "--output", output, ...flags], list(server.origin, 50));
  await server.whenStalled;
  // What it is writing is there under a temporary name, and what it finished is listed.
  await expect.poll(() => [parts(output).length > 0, journalled(output)], { timeout: 20_000 }).toEqual([true, 20]);
  child.kill("SIGKILL");
  expect((await ended).signal).toBe("SIGKILL");
  for (const file of bodies(output)) expect(readFileSync(path.join(output, file))).toHaveLength(1000);
  expect(parts(output).length).toBeGreaterThan(0);
  server.heal();
  const before = server.asked();
  const resumed = await runFetch(["--output", output, "--resume", ...flags], { stdin: list(server.origin, 50) });
  expect(resumed.code).toBe(0);
  expect(server.asked() - before).toBe(30);
  expect(bodies(output)).toHaveLength(50);
  expect(parts(output)).toEqual([]);
  for (const file of readdirSync(output))
    if (!file.startsWith(".")) expect(readFileSync(path.join(output, file))).toHaveLength(1000);
});

test("in process: an interrupt before the beginning sends nothing", async () => {
  const { origin, connections } = await rawServer(() => {});
  const { code, outcomes } = await runFetch([origin], { interrupt: AbortSignal.abort("SIGINT") });
  expect([code, connections()]).toEqual([130, 0]);
  expect(outcomes.every(({ status }) => status === "skipped")).toBe(true);
});
