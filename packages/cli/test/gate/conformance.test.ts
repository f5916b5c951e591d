// Every rule of the gate: where it stands, what it says of itself, and that it finds what its own examples say.
import { readdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { checkRules } from "../../src/gate/check-rules.ts";
import { parseConfig } from "../../src/gate/config/load.ts";
import { article } from "../../src/gate/config/presets/article.ts";
import { recommended } from "../../src/gate/config/presets/recommended.ts";
import type { Finding } from "../../src/gate/finding.ts";
import type { Rule, RuleCase } from "../../src/gate/rule.ts";
import { rules } from "../../src/gate/rules/index.ts";
import { rulesRules } from "../../src/gate/rules/rules/index.ts";

const folder = fileURLToPath(new URL("../../src/gate/rules/", import.meta.url));
const stages = ["advise", "audit", "rules", "chaos", "capacity"];

async function findingsIn(rule: Rule, given: string | RuleCase): Promise<readonly Finding[]> {
  const { code, preset, facts, live }: RuleCase = typeof given === "string" ? { code: given } : given;
  const text = /^version:/m.test(code) ? code : `version: 1\n${code}`;
  const { config, positions } = parseConfig(text, "snowshed.yaml");
  const { findings, notes } = await checkRules([rule], {
    config,
    preset: (preset ?? config.extends.slice("snowshed:".length)) === "article" ? article : recommended,
    source: { position: (place) => positions.of(place) },
    ...(facts === undefined ? {} : { facts }),
    live: live ?? (rule.meta.needs.includes("live") ? [] : null),
    available: ["root", "prometheus"],
  });
  expect(notes.filter(({ kind }) => kind === "failed")).toEqual([]);
  return findings;
}

describe.each(rules.map((rule): [string, Rule] => [rule.meta.id, rule]))("%s", (id, rule) => {
  test("says what it is", () => {
    const { meta } = rule;
    expect(id).toMatch(new RegExp(`^${meta.stage}/[a-z0-9]+(?:-[a-z0-9]+)*$`));
    for (const text of [meta.title, meta.rationale, meta.fix]) expect(text.trim()).not.toBe("");
    expect(meta.sources.length).toBeGreaterThan(0);
    expect(meta.needs.length).toBeGreaterThan(0);
  });

  test("finds what is wrong in its examples, and nothing in those that are right", async () => {
    for (const each of rule.tests.valid) expect(await findingsIn(rule, each), JSON.stringify(each)).toEqual([]);
    for (const each of rule.tests.invalid) {
      const findings = await findingsIn(rule, each);
      const paths = findings.map((finding) => finding.path.join("."));
      expect(paths, each.code).toEqual(each.errors.map((error) => error.path));
      for (const { message, line, column } of findings) {
        expect(message.trim()).not.toBe("");
        expect(line === null || line >= 1, message).toBe(true);
        expect(column === null || column >= 1, message).toBe(true);
      }
    }
  });
});

test("ids are unique, and every rule has examples of both kinds", () => {
  const ids = rules.map(({ meta }) => meta.id);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  // Those on alert rules have fixtures of their own, which alerts/stage.test.ts tries.
  const lintRules = new Set<Rule>(rulesRules);
  for (const { meta, tests } of rules.filter((rule) => !lintRules.has(rule))) {
    expect(tests.valid.length, meta.id).toBeGreaterThan(0);
    expect(tests.invalid.length, meta.id).toBeGreaterThan(0);
  }
});

test.each(stages)("every rule of %s is a file, and listed under the id that is its name", async (stage) => {
  const files = readdirSync(path.join(folder, stage)).filter((name) => name.endsWith(".ts") && name !== "index.ts");
  for (const file of files) {
    const loaded = Object.values(
      (await import(pathToFileURL(path.join(folder, stage, file)).href)) as object,
    ) as Rule[];
    expect(loaded.map(({ meta }) => meta.id)).toEqual([`${stage}/${file.slice(0, -".ts".length)}`]);
    expect(rules).toContain(loaded[0]);
  }
  expect(rules.filter(({ meta }) => meta.stage === stage)).toHaveLength(files.length);
});

test("the tests above see an example that is not found, and a rule that throws", async () => {
  const [first] = rules;
  await expect(findingsIn(first!, "workloads: {}")).resolves.toEqual([]);
  const throwing: Rule = {
    ...first!,
    check: () => {
      throw new Error("no");
    },
  };
  await expect(findingsIn(throwing, "workloads: {}")).rejects.toThrow();
});
