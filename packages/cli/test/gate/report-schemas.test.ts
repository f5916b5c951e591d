// SARIF and JUnit of real runs, and of reports with any text, by the schemas of those who read them.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { GateReport } from "../../src/gate/report/gate-report.ts";
import { junitReport } from "../../src/gate/report/junit.ts";
import { sarifReport } from "../../src/gate/report/sarif.ts";
import { temporaryFolder } from "../support/folders.ts";
import { base, exception, findings, reportOf } from "../support/gate-report.ts";
import { run } from "../support/memory-io.ts";
import { junitCheck, sarifCheck } from "../support/report-schemas.ts";

let sarifProblems: (document: unknown) => readonly string[];
let checkJunit: (documents: readonly string[]) => Promise<void>;

beforeAll(async () => {
  [sarifProblems, checkJunit] = await Promise.all([sarifCheck(), junitCheck()]);
}, 300_000);

const sarifOf = (report: GateReport): unknown => JSON.parse(sarifReport(report)) as unknown;

const lock = { writesPerSecond: 1, ordering: "none", consistency: "eventual", store: "redis-sentinel" };
const wrong = { workloads: { lock: { ...lock, writesPerSecond: 100_000, ordering: "strict", store: "kafka" } } };
const owner = { reason: "]]> & <until> \"the\" 'move'\n\u0001", owner: "@infra", until: "2999-01-01" };
const odd = "b ü#%?&\"'<>]]>\u{1F4A5}\u007F\u2028:x";

interface Case {
  readonly verdict: string;
  readonly config: unknown;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  readonly interrupt?: AbortSignal;
  readonly name?: string;
}

const cases: Readonly<Record<string, Case>> = {
  "a pass": { verdict: "pass", config: { workloads: { lock } }, args: ["--only", "advise"] },
  "a release that is blocked": { verdict: "blocked", config: wrong },
  "with the other preset, where warnings block": {
    verdict: "blocked",
    config: { extends: "snowshed:article", ...wrong },
    args: ["--fail-on", "warning"],
  },
  "with exceptions, one of them without use": {
    verdict: "blocked",
    config: {
      ...wrong,
      exceptions: [
        { rule: "advise/store-is-the-leaf", ...owner },
        { rule: "audit/redis-maxmemory", ...owner },
      ],
    },
  },
  "nothing to judge": { verdict: "inconclusive", config: {} },
  "a configuration with mistakes": {
    verdict: "invalid",
    config: { workloads: { lock: 1, [odd]: { store: odd } }, x: odd },
  },
  "no configuration at all": { verdict: "invalid", config: undefined },
  "no YAML": { verdict: "invalid", config: "a: [\n\u0001" },
  "stopped by the user": { verdict: "interrupted", config: wrong, interrupt: AbortSignal.abort("SIGINT") },
  "odd names of files, and odd texts in them": {
    verdict: "blocked",
    name: `${odd}/snow ${odd}.yaml`,
    config: {
      ...wrong,
      environment: odd,
      files: { redis: [`${odd}.conf`], kafka: [`${odd}.properties`] },
      alerts: { lint: [`${odd}.yml`] },
    },
  },
  "files as GitHub looks for them": {
    verdict: "blocked",
    config: wrong,
    env: { GITHUB_WORKSPACE: "/" },
  },
};

async function written({ config, args = [], env = {}, interrupt, name = "snowshed.yaml" }: Case) {
  const folder = temporaryFolder();
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  const others = path.join(path.dirname(file), odd);
  writeFileSync(`${others}.conf`, `requirepass "${odd}"\nmaxmemory 0\nsave ${odd}\n\u0002 x\n`);
  writeFileSync(`${others}.properties`, `node.id=1\nmin.insync.replicas=1\nlisteners=${odd}\n`);
  writeFileSync(
    `${others}.yml`,
    JSON.stringify({ groups: [{ name: odd, rules: [{ alert: odd, expr: `up{a="${odd}"} ==` }] }] }),
  );
  if (config !== undefined) {
    writeFileSync(file, typeof config === "string" ? config : JSON.stringify({ version: 1, ...(config as object) }));
  }
  const [sarif, junit, json] = ["sarif", "junit", "json"].map((format) => path.join(folder, `out.${format}`));
  const outputs = ["-o", `sarif=${sarif}`, "-o", `junit=${junit}`, "-o", `json=${json}`];
  await run(["gate", "-c", file, ...args, ...outputs], { env, ...(interrupt === undefined ? {} : { interrupt }) });
  return {
    sarif: JSON.parse(readFileSync(sarif!, "utf8")) as unknown,
    junit: readFileSync(junit!, "utf8"),
    report: JSON.parse(readFileSync(json!, "utf8")) as GateReport,
  };
}

test.each(Object.entries(cases))("a run: %s", async (_, each) => {
  const { sarif, junit, report } = await written(each);
  expect(report.verdict).toBe(each.verdict);
  expect(sarifProblems(sarif)).toEqual([]);
  await checkJunit([junit]);
});

test("reports with any text in all their places", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom("", "]]>", "\u001B[2J", "\r\n", "<x>&amp;", "\uD800", "\uFFFE", "a b%zz:?#", odd),
  );
  const documents: string[] = [];
  fc.assert(
    fc.property(text, text, text, text, (message, fix, step, file) => {
      const report = reportOf(
        [
          { ...base, rule: step, message, fix, path: [step], file },
          { ...base, message: fix, file: `/${file}`, exception: { ...exception, reason: message }, status: "excepted" },
        ],
        { notes: [{ kind: "failed", rule: null, message }] },
      );
      expect(sarifProblems(sarifOf(report))).toEqual([]);
      documents.push(junitReport(report));
    }),
    { numRuns: 50 },
  );
  await checkJunit(documents);
});

/** Each text in the document, and what stands there instead. */
function broken(
  document: string,
  edits: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
  return edits.map(([from, to]) => {
    expect(document).toContain(from);
    return [to, document.replace(from, to)];
  });
}

describe("a document that is broken is refused", () => {
  test("SARIF", () => {
    const right = sarifReport(reportOf(findings));
    expect(sarifProblems(JSON.parse(right))).toEqual([]);
    for (const [what, document] of broken(right, [
      ['"version": "2.1.0"', '"version": "2.0.0"'],
      ['"driver"', '"drivers"'],
      ['"ruleId"', '"rule"'],
      ['"level": "error"', '"level": "fatal"'],
      ['"startLine": 12', '"startLine": 0'],
      ['"startLine": 12', '"startLine": "12"'],
      ['"uri": "deploy/snowshed.yaml"', '"uri": "deploy/snow shed.yaml"'],
      ['"startTimeUtc": "2026-11-23T10:00:00.000Z"', '"startTimeUtc": "yesterday"'],
      ['"kind": "external"', '"kind": "other"'],
      ['"exitCode": 1', '"exitCode": "1"'],
    ])) {
      expect(sarifProblems(JSON.parse(document)), what).not.toEqual([]);
    }
  });

  test("JUnit", async () => {
    const right = junitReport(reportOf(findings));
    await checkJunit([right]);
    const documents = broken(right, [
      ["</testsuites>", ""],
      ["<failure", "<failed"],
      ["the tree leads", "the <tree leads"],
      ["the tree leads", "the &tree; leads"],
      ["the tree leads", "\u0001the tree leads"],
      ['tests="7"', 'tests="seven"'],
      ['skipped="2"', 'ignored="2"'],
      ['timestamp="2026-11-23T10:00:00"', 'timestamp="2026-11-23T10:00:00Z"'],
      ['time="0.034"', 'time="34 ms"'],
      ['name="advise/quiet"', 'name=""'],
      [' classname="snowshed.gate.advise"', ""],
      ["</testcase>", "<error message=''/></testcase>"],
    ]);
    for (const [what, document] of documents) {
      await expect(checkJunit([right, document]), what).rejects.toThrow("1.xml");
    }
  });
});
