import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test, vi } from "vitest";
import { start } from "../support/child.ts";
import { temporaryFolder } from "../support/folders.ts";
import { run } from "../support/memory-io.ts";

/** The processes that were started by `parent`, and are still there. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        // The name of the command may hold spaces and brackets: what follows the last bracket is "state ppid".
        const [, ppid] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
        return Number(ppid) === parent;
      } catch {
        return false;
      }
    });
}

describe("snowshed demo", () => {
  test("shows each arrangement, and writes a page of its own", { timeout: 90_000 }, async () => {
    const folder = temporaryFolder();
    const page = path.join(folder, "demo.html");
    const argv = ["demo", "--only", "none,snowshed", "--duration", "5s", "--report", page];
    const { code, stdout, stderr } = await start(argv).ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nnothing {2,}/);
    expect(stdout).toMatch(/\nsnowshed's defaults {2,}/);
    expect(readFileSync(page, "utf8")).toContain("snowshed's defaults");
    expect(readdirSync(folder)).toEqual(["demo.html"]);
  });

  test("gives its findings as JSON, and with --no-report leaves nothing behind", { timeout: 90_000 }, async () => {
    const argv = ["demo", "--only", "group", "--duration", "5s", "--json", "--no-report"];
    const { code, stdout } = await start(argv).ended;
    expect(code).toBe(0);
    const { capacity, findings, seed } = JSON.parse(stdout) as {
      capacity: number;
      seed: number;
      findings: { name: string; lag: number; attempts: number }[];
    };
    expect([capacity, seed, findings.map(({ name }) => name)]).toEqual([125, 1, ["group"]]);
    expect(findings[0]!.attempts).toBeGreaterThan(0);
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", null],
  ] as const)("%s ends all of its processes", { timeout: 90_000 }, async (signal, exitCode) => {
    const { child, ended } = start(["demo", "--only", "none", "--duration", "60s", "--no-report"]);
    const children = await vi.waitFor(
      () => {
        const pids = childrenOf(child.pid!);
        expect(pids).toHaveLength(4);
        return pids;
      },
      { timeout: 30_000, interval: 50 },
    );
    child.kill(signal);
    expect((await ended).code).toBe(exitCode);
    await vi.waitFor(() => expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]), {
      timeout: 30_000,
      interval: 50,
    });
  });
});

describe("wrong usage", () => {
  test.each([
    [["--only", "nothing"], /There is no "nothing"; there are none, wait-group/],
    [["--duration", "1s"], /In less than 5s there is nothing to see/],
    [["--duration", "none"], /--duration must be a time/],
    [["--seed", "-1"], /integer of at least 0/],
    [["--unknown"], /unknown option/],
  ])("%s", async (argv, message) => {
    const { code, stderr } = await run(["demo", ...argv]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a page that cannot be written is said so, and changes the exit code", { timeout: 90_000 }, async () => {
    const page = path.join(temporaryFolder(), "missing", "demo.html");
    const { code, stderr, stdout } = await start(["demo", "--only", "none", "--duration", "5s", "--report", page])
      .ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write ${page}`);
    expect(stdout).toMatch(/\nnothing {2,}/);
  });
});
