import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { run } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

/** A run that lasts until its progress line was drawn several times. */
async function slowRun(options: { tty: boolean; rows?: number; env?: Record<string, string> }, ...argv: string[]) {
  const origin = await httpServer((_, response) => void setTimeout(() => response.end("x"), 150));
  const stdin = [0, 1, 2, 3, "x"].map((name) => (name === "x" ? "nonsense\n" : `${origin}/${name}\n`));
  return run(["fetch", "--per-host", "2", ...argv, "-"], { stdin, ...options });
}

const escape = "\u001B";

describe("the progress line", () => {
  test("is drawn on a terminal, taken away at the end, and lines are printed above it", async () => {
    const { stdout, stderr } = await slowRun({ tty: true });
    expect(stderr).toContain("in flight");
    expect(stderr).toContain("snowshed: stdin:5: not a valid URL\n");
    expect(stderr).toContain(`${escape}[32m`);
    const afterLastFrame = stderr.slice(stderr.lastIndexOf("in flight"));
    expect(afterLastFrame).toContain(`${escape}[2K`);
    expect(afterLastFrame).toContain("4 requests in");
    expect(stdout).not.toContain(escape);
  });

  test.each([
    ["stderr is no terminal", { tty: false }, []],
    ["in CI", { tty: true, env: { CI: "true", NO_COLOR: "1" } }, []],
    ["on a dumb terminal", { tty: true, env: { TERM: "dumb" } }, []],
    ["on a terminal without a size", { tty: true, rows: 0, env: { NO_COLOR: "1" } }, []],
    ["with --no-progress", { tty: true, env: { NO_COLOR: "1" } }, ["--no-progress"]],
    ["with --quiet", { tty: true }, ["--quiet"]],
  ])("is not drawn when %s", async (_, options, argv) => {
    const { stderr } = await slowRun(options, ...argv);
    expect(stderr).not.toContain(escape);
    expect(stderr).not.toContain("in flight");
    expect(stderr).toContain("snowshed: stdin:5: not a valid URL\n");
  });

  test("NO_COLOR leaves it without colours", async () => {
    const { stderr } = await slowRun({ tty: true, env: { NO_COLOR: "1" } });
    expect(stderr).toContain("in flight");
    expect(stderr).not.toMatch(new RegExp(`${escape}\\[(3|9)\\d`));
  });
});

describe("the summary", () => {
  test("for people is on stderr, the outcomes on stdout", async () => {
    const { stdout, stderr, code } = await slowRun({ tty: false });
    expect(stdout.trim().split("\n")).toHaveLength(4);
    expect(stderr).toMatch(/4 requests in .*: 4 ok\n {2}4 B of bodies, 1 invalid line\n$/);
    expect(code).toBe(1);
  });

  test("with --json is the one document on stdout, and nothing is on stderr but what went wrong", async () => {
    const { summary, stderr } = await slowRun({ tty: false }, "--json");
    expect(Object.keys(summary)).toEqual([
      "total",
      "ok",
      "failed",
      "fallback",
      "skipped",
      "invalid",
      "resumed",
      "retries",
      "bytes",
      "elapsed",
      "degraded",
      "errors",
      "stopped",
      "inputComplete",
      "exitCode",
    ]);
    expect(summary).toMatchObject({ total: 4, ok: 4, invalid: 1, bytes: 4, stopped: null, exitCode: 1 });
    expect(stderr).toBe("snowshed: stdin:5: not a valid URL\n");
  });

  test("with --quiet there is none", async () => {
    expect((await slowRun({ tty: false }, "--quiet")).stderr).toBe("snowshed: stdin:5: not a valid URL\n");
  });
});

describe("an output that is not read", () => {
  test("slows the run down instead of filling the memory", { timeout: 30_000 }, async () => {
    let asked = 0;
    const origin = await httpServer((_, response) => {
      asked++;
      response.end();
    });
    const lines = (function* () {
      for (let index = 0; index < 6000; index++) yield `${origin}/${"x".repeat(200)}${index}\n`;
    })();
    const stdout = new PassThrough({ highWaterMark: 1024 });
    const done = run(["fetch", "--quiet", "--concurrency", "20", "--per-host", "20"], { stdin: lines, stdout });
    // It comes to rest by itself. Client and server share this event loop: a thousand turns of it without a request mean
    // that none is on its way.
    for (let turns = 0, before = 0; turns < 1000; turns = asked === before && asked > 0 ? turns + 1 : 0) {
      before = asked;
      await new Promise((resolve) => setImmediate(resolve));
    }
    // A quarter of a MiB waits for the reader, about a thousand lines; then nobody is asked any more.
    expect(asked).toBeLessThan(4000);
    stdout.resume();
    expect((await done).code).toBe(0);
    expect(asked).toBe(6000);
  });
});
