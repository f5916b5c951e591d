// The files that the documentation shows are taken by the gate, and its tables name what is there.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/gate/config/load.ts";
import { formats } from "../../src/gate/report/outputs.ts";
import { rules } from "../../src/gate/rules/index.ts";

const page = (name: string): string => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), "utf8");

/** The YAML blocks of a page that are whole configurations. */
function configurations(name: string): string[] {
  const blocks = [...page(name).matchAll(/^```yaml[^\n]*\n(.*?)^```/gms)].map(([, text = ""]) => text);
  return blocks.filter((text) => /^version: 1$/m.test(text));
}

test.each(["gate.md", "gate-advise.md"])("the configurations of %s are valid", (name) => {
  const found = configurations(name);
  expect(found.length).toBeGreaterThan(0);
  for (const text of found) expect(() => parseConfig(text, name)).not.toThrow();
});

test("every format, section and rule of advise is on its page", () => {
  for (const format of formats) expect(page("gate.md")).toContain(`| \`${format}\` |`);
  for (const { meta } of rules.filter(({ meta: { stage } }) => stage === "advise")) {
    expect(page("gate-advise.md")).toContain(`| \`${meta.id}\` | ${meta.severity}`);
  }
});
