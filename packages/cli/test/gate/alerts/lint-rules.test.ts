// Every lint finds what is wrong in its own example, and nothing in the one that is right.
import { expect, test } from "vitest";
import { lintFiles, readFileText } from "../../../src/gate/alerts/lint-files.ts";
import { lintExamples, lintRules } from "../../../src/gate/alerts/lint-rules.ts";

function found(example: string): readonly string[] {
  const rules = { groups: [{ name: "a", rules: [{ alert: "A", expr: example }] }] };
  const text = example.startsWith("groups:") ? example : JSON.stringify(rules);
  return lintFiles([readFileText("/a.yml", "a.yml", text)]).map(({ rule }) => rule);
}

test.each(lintExamples)("%s", (id, { wrong, right }) => {
  expect(found(wrong)).toContain(id);
  expect(found(right)).toEqual([]);
});

test("those without one need promtool or a configuration, and have their cases with the stage", () => {
  const withExamples = new Set(lintExamples.map(([id]) => id));
  expect(lintRules.map(({ meta }) => meta.id).filter((id) => !withExamples.has(id))).toEqual([
    "rules/mandatory-missing",
    "rules/fires-always",
    "rules/promtool",
    "rules/promtool-test",
    "rules/not-built",
    "rules/variable",
    "rules/include",
  ]);
});
