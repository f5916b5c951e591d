import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { bodies, temporaryFolder } from "../support/folders.ts";
import { run, runFetch } from "../support/memory-io.ts";
import { httpServer } from "../support/servers.ts";

/** A server that fails for what it is told to. */
async function server() {
  const failing = new Set<string>();
  let version = 1;
  const origin = await httpServer(({ url }, response) => {
    if (failing.has(String(url))) response.writeHead(404).end("not this");
    else response.end(`${url} version ${version}`);
  });
  const list = (count: number): string => Array.from({ length: count }, (_, index) => `${origin}/${index}\n`).join("");
  return { origin, failing, list, update: () => version++ };
}

const statuses = (outcomes: { status: string }[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

describe("--cache", () => {
  test("answers for failed calls once more than half of them failed, marked and with its age", async () => {
    const { failing, list } = await server();
    const cache = temporaryFolder();
    expect((await runFetch(["--cache", cache], { stdin: list(10) })).code).toBe(0);
    for (const path of ["/0", "/1", "/2", "/3", "/4", "/5"]) failing.add(path);
    const { code, outcomes } = await runFetch(["--cache", cache], { stdin: list(10) });
    expect(code).toBe(0);
    expect(statuses(outcomes)).toEqual({ ok: 4, fallback: 6 });
    for (const outcome of outcomes.filter(({ status }) => status === "fallback")) {
      expect(outcome).toMatchObject({ httpStatus: 200, bytes: 12, error: { code: "HTTP_STATUS" } });
      expect(outcome.age).toBeGreaterThanOrEqual(0);
    }
    const { summary } = await runFetch(["--cache", cache, "--json"], { stdin: list(10) });
    expect(summary).toMatchObject({ ok: 4, fallback: 6, failed: 0, degraded: true, exitCode: 0 });
  });

  test("does not answer when no more than half failed: those stay failed", async () => {
    const { failing, list } = await server();
    const cache = temporaryFolder();
    await runFetch(["--cache", cache], { stdin: list(10) });
    for (const path of ["/0", "/1", "/2", "/3", "/4"]) failing.add(path);
    const { code, outcomes } = await runFetch(["--cache", cache], { stdin: list(10) });
    expect([code, statuses(outcomes)]).toEqual([1, { ok: 5, failed: 5 }]);
    expect(outcomes.every(({ age }) => age === undefined)).toBe(true);
  });

  test("--fallback-threshold 0 answers for any failure, 1 for none", async () => {
    const { failing, list } = await server();
    const cache = temporaryFolder();
    await runFetch(["--cache", cache], { stdin: list(3) });
    failing.add("/0");
    const eager = await runFetch(["--cache", cache, "--fallback-threshold", "0"], { stdin: list(3) });
    expect(statuses(eager.outcomes)).toEqual({ ok: 2, fallback: 1 });
    for (const path of ["/1", "/2"]) failing.add(path);
    const never = await runFetch(["--cache", cache, "--fallback-threshold", "1"], { stdin: list(3) });
    expect(statuses(never.outcomes)).toEqual({ failed: 3 });
  });

  test("what was never answered stays failed", async () => {
    const { failing, list } = await server();
    const cache = temporaryFolder();
    await runFetch(["--cache", cache], { stdin: list(2) });
    for (const path of ["/0", "/1", "/2"]) failing.add(path);
    const { code, outcomes } = await runFetch(["--cache", cache], { stdin: list(3) });
    expect([code, statuses(outcomes)]).toEqual([1, { fallback: 2, failed: 1 }]);
  });

  test("gives the last good answer, with --output as a file", async () => {
    const { origin, failing, list, update } = await server();
    const [cache, output] = [temporaryFolder(), temporaryFolder()];
    await runFetch(["--cache", cache], { stdin: list(1) });
    update();
    await runFetch(["--cache", cache], { stdin: list(1) });
    failing.add("/0");
    await runFetch(["--cache", cache], { stdin: list(1) });
    const { outcomes } = await runFetch(["--cache", cache, "--output", output], {
      stdin: `{"url":"${origin}/0","id":"zero"}`,
    });
    expect(outcomes[0]!.status).toBe("fallback");
    expect(readFileSync(outcomes[0]!.file!, "utf8")).toBe("/0 version 2");
    expect(bodies(output)).toEqual([path.basename(outcomes[0]!.file!)]);
    // It is no completed request: --resume tries it again.
    failing.clear();
    const again = await runFetch(["--cache", cache, "--output", output, "--resume"], {
      stdin: `{"url":"${origin}/0","id":"zero"}`,
    });
    expect(again.outcomes[0]!.status).toBe("ok");
  });

  test("can be read by its owner only, and holds nothing but answers", async () => {
    const { list } = await server();
    const cache = path.join(temporaryFolder(), "deep/cache");
    await runFetch(["--cache", cache], { stdin: list(3) });
    const files = readdirSync(cache);
    expect(files).toHaveLength(3);
    expect((statSync(cache).mode & 0o777).toString(8)).toBe("700");
    for (const file of files) {
      expect(file).toMatch(/^[0-9a-f]{32}$/);
      expect((statSync(path.join(cache, file)).mode & 0o777).toString(8)).toBe("600");
    }
  });

  test("an entry that is damaged counts as none", async () => {
    const { failing, list } = await server();
    const cache = temporaryFolder();
    await runFetch(["--cache", cache], { stdin: list(1) });
    writeFileSync(path.join(cache, readdirSync(cache)[0]!), "garbage");
    failing.add("/0");
    expect((await runFetch(["--cache", cache], { stdin: list(1) })).outcomes[0]!.status).toBe("failed");
  });

  test("a cache that cannot be written any more is a warning, once, and no failure", async () => {
    const { list } = await server();
    const cache = temporaryFolder();
    await runFetch(["--cache", cache], { stdin: list(5) });
    const { mkdirSync, rmSync } = await import("node:fs");
    for (const file of readdirSync(cache)) {
      rmSync(path.join(cache, file));
      mkdirSync(path.join(cache, file));
    }
    const { code, stderr, outcomes } = await runFetch(["--cache", cache], { stdin: list(5) });
    expect([code, statuses(outcomes)]).toEqual([0, { ok: 5 }]);
    expect(stderr).toMatch(/^snowshed: the cache is not kept up to date: [^\n]+\n$/);
  });

  test("also answers for what the deadline cut off, and says so in the summary", async () => {
    let hang = false;
    const origin = await httpServer((_, response) => void (hang || response.end("x")));
    const cache = temporaryFolder();
    await runFetch([origin, "--cache", cache]);
    hang = true;
    const { code, stdout, stderr } = await run(["fetch", origin, "--cache", cache, "--deadline", "500ms"]);
    expect(JSON.parse(stdout)).toMatchObject({ status: "fallback", error: { code: "DEADLINE" } });
    expect(code).toBe(1);
    expect(stderr).toContain("1 from the cache");
    expect(stderr).toContain("stopped by the deadline");
  });
});
