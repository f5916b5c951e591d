import { readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { CapacityResult } from "../../../src/gate/capacity/capacity-result.ts";
import { temporaryFolder } from "../../support/folders.ts";
import type { RunResult } from "../../support/memory-io.ts";
import { run } from "../../support/memory-io.ts";
import { measured, usl } from "./curves.ts";

const loads = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];
const points = measured(loads, usl(1000, 0.1, 0.001), 0.01, 1);
const csv = ["load,throughput", ...points.map(({ load, throughput }) => `${load},${throughput}`)].join("\n");

async function fit(text: string, ...argv: string[]): Promise<RunResult> {
  const file = path.join(temporaryFolder(), "points.txt");
  writeFileSync(file, text);
  return run(["gate", "capacity", "fit", file, ...argv]);
}

describe("fit", () => {
  test("says the same of CSV, a list of JSON, an object with points, and lines of JSON", async () => {
    const forms = [
      csv,
      JSON.stringify(points),
      JSON.stringify({ points }),
      points.map((p) => JSON.stringify(p)).join("\n"),
    ];
    const results = await Promise.all(forms.map((form) => fit(form, "--json")));
    const judgements = results.map(({ code, stdout }) => {
      expect(code).toBe(0);
      return (JSON.parse(stdout) as CapacityResult).judgement;
    });
    for (const judgement of judgements) expect(judgement).toEqual(judgements[0]);
    const again = await fit(results[0]!.stdout, "--json");
    expect((JSON.parse(again.stdout) as CapacityResult).judgement).toEqual(judgements[0]);
    expect(judgements[0]!.safe).toBeCloseTo(judgements[0]!.capacity! * 0.75, 6);
  });

  test("shows the points, what each method says, and what is safe", async () => {
    const { code, stdout } = await fit(csv, "--headroom", "0.5");
    expect(code).toBe(0);
    expect(stdout).toMatch(/kneedle: knee at load \d+/);
    expect(stdout).toMatch(/usl: contention 0\.\d+, coherence 0\.00\d+, peak at concurrency \d+/);
    expect(stdout).toMatch(/capacity (\d+) per second \(knee\), safe \d+ with 50\.0 % free/);
  });

  test("of a line is inconclusive, and so are single points unless they may be", async () => {
    const line = measured(loads, (load) => 100 * load, 0.01, 1);
    const straight = await fit(JSON.stringify(line));
    expect(straight).toMatchObject({ code: 3 });
    expect(straight.stdout).toMatch(/inconclusive: .*kneedle: no bend/);
    expect(straight.stdout).not.toMatch(/capacity \d/);
    const once = JSON.stringify(points.filter(({ repetition }) => repetition === 1));
    expect((await fit(once)).stdout).toContain("fewer than 5 repetitions that count at load 1, 2");
    expect(await fit(once, "--min-reps", "1")).toMatchObject({ code: 0 });
  });

  test("points of memory are judged as such", async () => {
    const memory = measured(
      [40, 50, 60, 70, 80, 90, 100],
      () => 1,
      0,
      1,
      (load) => ({
        used: load,
        p99: load > 70 ? load : 3,
        evictedAt: load === 100 ? 100 : null,
      }),
    );
    const { stdout, code } = await fit(JSON.stringify(memory));
    expect(code).toBe(0);
    expect(stdout).toContain("capacity 70.0 % of maxmemory (knee), safe 52.5 with 25.0 % free");
  });

  test("report writes the page alone, for its user only, also when it is inconclusive", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "<points>.csv");
    const page = path.join(folder, "page.html");
    writeFileSync(file, csv);
    expect(await run(["gate", "capacity", "report", file, "-o", page])).toMatchObject({
      code: 0,
      stderr: "",
      stdout: "",
    });
    expect(statSync(page).mode & 0o777).toBe(0o600);
    const text = readFileSync(page, "utf8");
    expect(text).toContain("Capacity: &lt;points>");
    expect(text).not.toContain("<points>");
    const nowhere = await run(["gate", "capacity", "report", file, "-o", path.join(folder, "none", "page.html")]);
    expect(nowhere).toMatchObject({ code: 2 });
    expect(nowhere.stderr).toMatch(/cannot write .*page\.html: no such file or folder/);
  });

  test("report: nothing that a journal from elsewhere says is run", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "points.ndjson");
    const evil = "</script><img src=x onerror=alert(1)>\u2028";
    const about = { name: evil, driver: evil, target: evil, unit: evil };
    const head = { snowshed: "capacity/1", ...about, loads, repetitions: 5, stepSeconds: 1, valueBytes: null, seed: 1 };
    const late = { ...points[0]!, invalid: evil };
    writeFileSync(file, [head, ...points, late].map((line) => JSON.stringify(line)).join("\n"));
    const page = path.join(folder, "page.html");
    expect(await run(["gate", "capacity", "report", file, "-o", page])).toMatchObject({ code: 0 });
    const text = readFileSync(page, "utf8");
    expect(text).toContain("onerror=alert(1)");
    expect(text).not.toMatch(/<img/);
    // What is a script is uPlot and ours.
    expect(text.match(/<\/script>/g)).toHaveLength(2);
    expect(text).toContain("default-src 'none'");
  });

  test.each([
    ["", [], /is empty/],
    ["a,b\n1,2", [], /first line must name the columns, load and throughput/],
    ["load,throughput\n1,2,3", [], /line 2 has 3 columns, the first has 2/],
    ["load,throughput\n1,x", [], /line 2: throughput must be a number of at least 0/],
    ["load,throughput\n,5", [], /line 2 has no load/],
    ["load,throughput\n-1,5", [], /load must be a number/],
    ["load,throughput\n1,Infinity", [], /throughput must be a number/],
    ["load\n1", [], /line 2 has neither throughput nor used/],
    ["[1]", [], /point 1 is no object/],
    ["[".repeat(20), [], /is neither JSON nor lines of it/],
    ['{"load": 1, "throughput": 1}\n{"load": 2, "through\n{"load": 3, "throughput": 3}', [], /line 2 is no JSON/],
    ['[{"load": true, "throughput": 1}]', [], /load must be a number/],
    [csv, ["--headroom", "1.5"], /number from 0 to 1/],
    [csv, ["--methods", "kneedle"], /at least two of kneedle, usl, threshold/],
    [csv, ["--methods", "kneedle,guess"], /at least two of/],
    [csv, ["--min-reps", "0"], /at least 1/],
  ])("%j %j is refused", async (text, argv, message) => {
    const { code, stdout, stderr } = await fit(text, ...argv);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, ""]);
  });

  test("a file that is not there is said so", async () => {
    const { code, stderr } = await run(["gate", "capacity", "fit", "/nowhere/points.csv"]);
    expect(stderr).toMatch(/cannot read \/nowhere\/points\.csv: no such file or folder/);
    expect(code).toBe(2);
  });
});
