// Each format as the programs that read it want it: their structure, and texts that would break out of it.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import { githubReport } from "../../src/gate/report/github.ts";
import { jsonReport } from "../../src/gate/report/json.ts";
import { junitReport } from "../../src/gate/report/junit.ts";
import { markdownReport } from "../../src/gate/report/markdown.ts";
import { parseOutputs, takesColor, writeOutputs } from "../../src/gate/report/outputs.ts";
import { sarifReport } from "../../src/gate/report/sarif.ts";
import { terminalReport } from "../../src/gate/report/terminal.ts";
import { temporaryFolder } from "../support/folders.ts";
import { base, exception, findings, reportOf } from "../support/gate-report.ts";
import { memoryIo } from "../support/memory-io.ts";

interface Sarif {
  readonly version: string;
  readonly $schema: string;
  readonly runs: readonly {
    readonly tool: {
      readonly driver: { readonly name: string; readonly version: string; readonly rules: { id: string }[] };
    };
    readonly invocations: readonly { readonly exitCode: number; readonly toolExecutionNotifications: unknown[] }[];
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly {
        readonly physicalLocation: {
          readonly artifactLocation: { readonly uri: string };
          readonly region: { readonly startLine: number; readonly startColumn?: number };
        };
      }[];
      readonly suppressions: readonly { readonly kind: string; readonly justification: string }[];
    }[];
  }[];
}

// oxlint-disable-next-line no-control-regex -- no format but JSON may hold them
const control = /[\u0000-\u0008\u000B\u000C\u000E-\u001F]/;

const sarifOf = (report: GateReport): Sarif => JSON.parse(sarifReport(report)) as Sarif;

describe("SARIF", () => {
  test("rules with real ids, results that point at them, places for all", () => {
    const { version, $schema, runs } = sarifOf(reportOf(findings));
    expect(version).toBe("2.1.0");
    expect($schema).toMatch(/sarif-schema-2\.1\.0\.json$/);
    expect(runs).toHaveLength(1);
    const { tool, results, invocations } = runs[0]!;
    expect(tool.driver).toMatchObject({ name: "snowshed", version: "1.2.3" });
    const ids = tool.driver.rules.map(({ id }) => id);
    expect(ids).toEqual(["advise/store-is-the-leaf", "advise/quiet", "advise/other", "advise/third"]);
    expect(results.map(({ level }) => level)).toEqual(["error", "warning", "note", "error"]);
    for (const { ruleId, ruleIndex, locations, message } of results) {
      expect(ids[ruleIndex]).toBe(ruleId);
      expect(message.text).not.toBe("");
      expect(locations).toHaveLength(1);
      expect(locations[0]!.physicalLocation.artifactLocation.uri).toBe("deploy/snowshed.yaml");
      expect(locations[0]!.physicalLocation.region.startLine).toBeGreaterThan(0);
    }
    expect(results[0]!.locations[0]!.physicalLocation.region).toEqual({ startLine: 12, startColumn: 5 });
    expect(results.map(({ suppressions }) => suppressions.length)).toEqual([0, 0, 0, 1]);
    expect(results[3]!.suppressions[0]).toMatchObject({
      kind: "external",
      justification: "until 2027-03-01, @infra: until the move",
    });
    expect(invocations[0]).toMatchObject({ exitCode: 1, executionSuccessful: true });
    expect(invocations[0]!.toolExecutionNotifications).toHaveLength(2);
  });

  test("without findings the results are an empty list, not absent; paths become addresses", () => {
    expect(sarifOf(reportOf([])).runs[0]!.results).toEqual([]);
    const odd = sarifOf(
      reportOf([
        { ...base, file: "a b/ü#\uD800.yaml" },
        { ...base, file: "/tmp/x y.yaml" },
      ]),
    ).runs[0]!.results;
    expect(odd.map(({ locations }) => locations[0]!.physicalLocation.artifactLocation.uri)).toEqual([
      "a%20b/%C3%BC%23%EF%BF%BD.yaml",
      "file:///tmp/x%20y.yaml",
    ]);
  });
});

/** The elements of a well-formed document, with their attributes; throws when it is not well-formed. */
function elementsOf(xml: string): { name: string; attributes: Record<string, string> }[] {
  const open: string[] = [];
  const elements: { name: string; attributes: Record<string, string> }[] = [];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  expect(body).not.toBe(xml);
  const text = /^(?:[^<&]|&(?:amp|lt|gt|quot|#10);)*/;
  for (let rest = body; rest !== "";) {
    rest = rest.slice(text.exec(rest)![0].length);
    if (rest === "") break;
    const tag = /^<(\/?)([a-z-]+)((?: [a-z]+="(?:[^"<&]|&(?:amp|lt|gt|quot|#10);)*")*)(\/?)>/.exec(rest);
    if (tag === null) throw new Error(`not well-formed at ${JSON.stringify(rest.slice(0, 60))}`);
    const [whole, closing, name = "", attributes = "", single] = tag;
    rest = rest.slice(whole.length);
    if (closing === "/") expect(open.pop()).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]);
      elements.push({ name, attributes: Object.fromEntries(pairs) as Record<string, string> });
      if (single !== "/") open.push(name);
    }
  }
  expect(open).toEqual([]);
  return elements;
}

describe("JUnit", () => {
  test("a suite for the stage, a case for each rule and finding, and numbers that add up", () => {
    const elements = elementsOf(junitReport(reportOf(findings)));
    const named = (name: string): Record<string, string>[] =>
      elements.filter((each) => each.name === name).map(({ attributes }) => attributes);
    const numbers = { tests: "7", failures: "1", errors: "1" };
    expect(Object.keys(named("testsuites")[0]!)).toEqual(["name", "tests", "failures", "errors", "time"]);
    expect(named("testsuites")).toMatchObject([{ ...numbers, time: "0.034" }]);
    expect(named("testsuite")).toMatchObject([
      { ...numbers, skipped: "2", name: "advise", time: "0.012", timestamp: "2026-11-23T10:00:00" },
    ]);
    expect(named("testcase")).toHaveLength(7);
    expect(named("testcase")[0]).toMatchObject({ name: "advise/quiet", classname: "snowshed.gate.advise" });
    expect(named("failure")).toMatchObject([{ message: base.message }]);
    expect(named("error")).toHaveLength(1);
    expect(named("skipped").map(({ message }) => message)).toEqual([
      "excepted until 2027-03-01 by @infra: until the move",
      "needs root",
    ]);
  });

  test("a stage that found nothing still has a case, one that was skipped says so", () => {
    const empty = { asked: [], notes: [] };
    expect(elementsOf(junitReport(reportOf([], empty))).filter(({ name }) => name === "testcase")).toHaveLength(1);
    const skipped = elementsOf(junitReport(reportOf([], { ...empty, verdict: "skipped" })));
    expect(skipped.filter(({ name }) => name === "skipped")).toHaveLength(1);
  });

  test("a warning fails its case with --fail-on warning", () => {
    const elements = elementsOf(junitReport({ ...reportOf(findings), failOn: "warning" }));
    expect(elements.filter(({ name }) => name === "failure")).toHaveLength(2);
  });
});

test("whatever a message holds, each format stays what it is", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom("]]>", "::error::x", "\u001B[2J", "a|b\r\n| c", "<img src=x>", "\uD800", "%0A", '"'),
  );
  fc.assert(
    fc.property(text, text, text, (message, fix, step) => {
      const report = reportOf([
        { ...base, message, fix, path: [step] },
        { ...base, message: fix, exception, status: "excepted" },
      ]);
      elementsOf(junitReport(report));
      expect(junitReport(report)).not.toMatch(control);
      expect((JSON.parse(jsonReport(report)) as GateReport).stages[0]!.findings).toHaveLength(2);
      expect(sarifOf(report).runs[0]!.results).toHaveLength(2);
      // Two annotations, a note, a summary, and the end of the last line.
      expect(githubReport(report).split(/\r\n|[\r\n]/)).toHaveLength(5);
      expect(terminalReport(report, { color: false, quiet: false })).not.toMatch(control);
      expect(markdownReport(report)).not.toMatch(/<img/);
      expect(markdownReport(report)).not.toMatch(control);
      const rows = markdownReport(report)
        .split(/\r\n|[\r\n]/)
        .filter((line) => line.startsWith("|"));
      expect(rows).toHaveLength(3 + 4 + 3 + 4);
    }),
    { numRuns: 60 },
  );
});

test("GitHub: an annotation at its line, an excepted one as a notice", () => {
  expect(githubReport(reportOf(findings)).split("\n").slice(0, 4)).toEqual([
    "::error file=deploy/snowshed.yaml,line=12,col=5,title=advise/store-is-the-leaf::the tree leads to etcd, the file says Kafka%0AFix: Use etcd.",
    "::warning file=deploy/snowshed.yaml,line=12,col=5,title=advise/other::the tree leads to etcd, the file says Kafka",
    "::notice title=advise/third::the tree leads to etcd, the file says Kafka%0AFix: Use etcd.",
    "::notice file=deploy/snowshed.yaml,line=20,col=5,title=advise/store-is-the-leaf (excepted)::the tree leads to etcd, the file says Kafka%0Aexcepted until 2027-03-01, @infra: until the move",
  ]);
  const odd = githubReport(reportOf([{ ...base, file: "a,b:c%.yaml", fix: null, message: "100 %\n::error::x" }]));
  expect(odd.split("\n")[0]).toContain("file=a%2Cb%3Ac%25.yaml,");
  expect(odd.split("\n")[0]).toMatch(/::100 %25%0A::error::x$/);
});

test("in a log of GitHub no line of the terminal is a command to the runner", () => {
  for (const text of ["::error::x", " ::stop-commands::x", "##[error]x"]) {
    const note = { kind: "info", rule: null, message: text } as const;
    const found = [
      { ...base, message: text, fix: text },
      { ...base, status: "excepted", exception: { ...exception, owner: text } } as const,
    ];
    const report = { ...reportOf(found, { notes: [note] }), environment: text };
    const shown = terminalReport(
      { ...report, exceptions: [{ rule: text, ...exception, expired: false, used: 0 }] },
      { color: false, quiet: false },
    );
    for (const line of shown.split("\n")) expect(line).not.toMatch(/^\s*::|##\[/);
    expect(shown).toContain(text.trim().slice(3));
  }
});

test("GitHub finds files below the root of the repository, wherever the job was started", async () => {
  const { io, stdout } = memoryIo({ env: { GITHUB_WORKSPACE: path.dirname(process.cwd()) } });
  const folder = path.basename(process.cwd());
  const found = [base, { ...base, file: "/etc/redis.conf" }, { ...base, file: null }];
  await writeOutputs(reportOf(found), [{ format: "github", file: undefined }], { io, quiet: false });
  const files = [...stdout.text.matchAll(/^::error (?:file=([^,]*),)?/gm)].map(([, file]) => file);
  expect(files).toEqual([`${folder}/deploy/snowshed.yaml`, "/etc/redis.conf", undefined]);
  const sarif = memoryIo({ env: { GITHUB_WORKSPACE: path.dirname(process.cwd()) } });
  await writeOutputs(reportOf(found), [{ format: "sarif", file: undefined }], { io: sarif.io, quiet: false });
  const { results } = (JSON.parse(sarif.stdout.text) as Sarif).runs[0]!;
  expect(results.map(({ locations }) => locations[0]!.physicalLocation.artifactLocation.uri)).toEqual([
    `${folder}/deploy/snowshed.yaml`,
    "file:///etc/redis.conf",
    `${folder}/deploy/snowshed.yaml`,
  ]);
});

test("a summary of more than a megabyte is cut at a line, and says so", async () => {
  const summary = path.join(temporaryFolder(), "summary.md");
  const { io } = memoryIo({ env: { GITHUB_STEP_SUMMARY: summary } });
  const many = Array.from({ length: 10_000 }, () => base);
  const outputs = [{ format: "github", file: undefined }] as const;
  expect(await writeOutputs(reportOf(many), outputs, { io, quiet: false })).toEqual([]);
  const text = readFileSync(summary, "utf8");
  expect(text.length).toBeLessThan(1024 * 1024);
  expect(text).toMatch(/\|\n\nCut here, since GitHub takes no more\. [^\n]*\n\n$/);
});

test("every format shows the exception: who, why, until when", () => {
  const report = reportOf(findings);
  const texts = [
    terminalReport(report, { color: false, quiet: false }),
    ...[jsonReport, junitReport, sarifReport, githubReport, markdownReport].map((format) => format(report)),
  ];
  for (const text of texts) {
    for (const part of ["2027-03-01", "infra", "until the move"]) expect(text).toContain(part);
  }
});

test("the terminal: places, fixes, what was not judged; colours only where they are wanted", () => {
  const plain = terminalReport(reportOf(findings), { color: false, quiet: false });
  expect(plain).toContain("  error    advise/store-is-the-leaf  deploy/snowshed.yaml:12:5  workloads.lock.store");
  expect(plain).toContain("fix: Use etcd.");
  expect(plain).toContain("skipped: advise/skipped: needs root");
  expect(plain).toContain("blocked: 1 error, 1 warning, 1 info, 1 excepted");
  expect(plain).not.toContain("\u001B");
  expect(terminalReport(reportOf(findings), { color: true, quiet: false })).toContain("\u001B[31m");
  expect(terminalReport(reportOf([]), { color: false, quiet: true })).toBe("");
  // Nothing failed, and yet it says why it could not judge.
  const skipped = [{ kind: "skipped", rule: null, message: "there are no experiments" }] as const;
  const unclear = { ...reportOf([], { verdict: "inconclusive", notes: skipped }), verdict: "inconclusive" } as const;
  expect(terminalReport(unclear, { color: false, quiet: true })).toContain("skipped: there are no experiments");
  const io = (isTTY: boolean, env: Record<string, string>): Parameters<typeof takesColor>[0] => {
    return { stdout: Object.assign(memoryIo().io.stdout, { isTTY }), env };
  };
  expect(takesColor(io(true, {}))).toBe(true);
  expect(takesColor(io(true, { NO_COLOR: "" }))).toBe(true);
  for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) expect(takesColor(io(true, env))).toBe(false);
  expect(takesColor(io(false, {}))).toBe(false);
});

describe("outputs", () => {
  test("formats, files and what they cannot be", async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, "x=y.sarif");
    const config = path.join(folder, "snowshed.yaml");
    writeFileSync(config, "");
    const link = path.join(folder, "link.json");
    symlinkSync(config, link);
    expect(await parseOutputs([])).toEqual([{ format: "terminal", file: undefined }]);
    expect(await parseOutputs([`sarif=${file}`])).toEqual([
      { format: "terminal", file: undefined },
      { format: "sarif", file },
    ]);
    expect(await parseOutputs(["terminal", "github", `json=${file}`])).toHaveLength(3);
    for (const [given, message] of [
      [["sarrif=x"], 'there is no format "sarrif"; did you mean "sarif"?'],
      [["json="], "needs the name of a file"],
      [["json", "terminal"], "cannot both go to stdout"],
      [[`json=${file}`, `junit=${file}`], "is named twice"],
      [[`json=${file}`, `junit=${folder}/./x=y.sarif`], "is named twice"],
      [[`json=${folder}/no/x`], "no such file or folder"],
      [[`json=${folder}`], "is a folder"],
      [[`json=${config}`], "is the configuration itself"],
      [[`json=${link}`], "is the configuration itself"],
    ] as const) {
      await expect(parseOutputs(given, config), message).rejects.toThrow(message);
    }
    const stdout = [{ format: "json", file: undefined }];
    for (const name of ["json", "json=-", "json=/dev/stdout"]) expect(await parseOutputs([name])).toEqual(stdout);
  });

  test("several in one run, each whole; the summary of a job is added to; what cannot be written is told", async () => {
    const folder = temporaryFolder();
    const summary = path.join(folder, "summary.md");
    writeFileSync(summary, "before\n");
    const { io, stdout } = memoryIo({ env: { GITHUB_STEP_SUMMARY: summary } });
    const names = ["json", "junit", "sarif", "markdown"] as const;
    const outputs = await parseOutputs(["github", ...names.map((name) => `${name}=${path.join(folder, name)}`)]);
    expect(await writeOutputs(reportOf(findings), outputs, { io, quiet: false })).toEqual([]);
    expect(stdout.text).toMatch(/^::error /);
    expect(readdirSync(folder).toSorted()).toEqual(["json", "junit", "markdown", "sarif", "summary.md"]);
    expect(readFileSync(summary, "utf8")).toMatch(/^before\n## snowshed gate: blocked/);
    expect(readFileSync(path.join(folder, "json"), "utf8")).toBe(jsonReport(reportOf(findings)));
    const wrong = await parseOutputs([`json=${path.join(folder, "folder")}`]);
    mkdirSync(path.join(folder, "folder"));
    expect(await writeOutputs(reportOf([]), wrong, { io, quiet: true })).toHaveLength(1);
    expect(existsSync(path.join(folder, "folder"))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
