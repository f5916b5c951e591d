import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { embedded } from "../../../../../scripts/embed-lua.mjs";

test.each([...embedded()])("%s is its script, with the digest of it", async (path, text) => {
  expect(readFileSync(path, "utf8")).toBe(text);
  // What the text is once it is parsed.
  const scripts = Object.values((await import(path)) as Record<string, { name: string; source: string }>);
  expect(scripts.map(({ name }) => `${name}-script.ts`)).toEqual([basename(path)]);
  const lines = readFileSync(path.replace("-script.ts", ".lua"), "utf8").split("\n");
  expect(scripts[0]!.source).toBe(lines.filter((line) => !line.trimStart().startsWith("--")).join("\n"));
});

test("there are scripts", () => {
  expect(embedded().size).toBeGreaterThan(3);
});
