// The table of rules in the guide is that of the rules. UPDATE_DOCS=1 writes it.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { auditRules } from "../../../src/gate/rules/audit/index.ts";

const page = fileURLToPath(new URL("../../../../../docs/gate-audit.md", import.meta.url));
const [begin, end] = ["<!-- rules: begin -->\n", "<!-- rules: end -->"] as const;

function table(): string {
  const rows = auditRules.map(({ meta }) => {
    const sources = meta.sources.map((source, index) =>
      source.startsWith("http") ? `[${index + 1}](${source})` : source,
    );
    const needs = meta.needs.filter((need) => need !== "static").join(", ");
    return `| \`${meta.id}\` | ${meta.severity} | ${meta.title} | ${meta.origin} | ${needs} | ${sources.join(", ")} |`;
  });
  return [
    "| rule | severity | finds | from | needs | sources |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

test("the guide lists every rule, as it is", () => {
  const text = readFileSync(page, "utf8");
  const [head = "", rest = ""] = text.split(begin);
  const [written, tail = ""] = rest.split(end);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, `${head}${begin}${table()}${end}${tail}`);
  else expect(written).toBe(table());
});

test("there are rules of every subject, and each has a source", () => {
  const ids = auditRules.map(({ meta }) => meta.id);
  expect(ids.length).toBeGreaterThanOrEqual(30);
  for (const begins of ["pool", "client", "wait", "redis", "kafka", "etcd", "kernel", "dedup"]) {
    expect(ids.filter((id) => id.startsWith(`audit/${begins}`))).not.toEqual([]);
  }
  for (const { meta } of auditRules)
    expect(meta.sources.every((source) => /^https:\/\/|^the article/.test(source))).toBe(true);
});
