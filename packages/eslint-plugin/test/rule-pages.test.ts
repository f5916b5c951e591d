// The pages of the rules: each says what its rule says, its wrong example is reported, its right one is not.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { markdownBlocks } from "../../snowshed/test/documentation/blocks.ts";
import plugin from "../src/index.ts";
import { reportsOf } from "./support/linters.ts";

const folder = fileURLToPath(new URL("../../../docs/rules/", import.meta.url));
const names = Object.keys(plugin.rules);
const everyRule = Object.fromEntries(names.map((name) => [`snowshed/${name}`, "error"] as const));

test("every rule has its page, and every page its rule", () => {
  expect(readdirSync(folder).toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
  for (const name of names) expect(plugin.rules[name]!.meta.docs.url).toContain(`/docs/rules/${name}.md`);
});

test.each(names)("%s: the wrong example is reported, the right one is not", { timeout: 30_000 }, (name) => {
  const text = readFileSync(`${folder}${name}.md`, "utf8");
  const sections = text.split(/^## /m).map((section) => section.split("\n", 1)[0]);
  expect(sections.slice(1)).toEqual(["Wrong", "Right", "What it sees", "When not to use it", "Options"]);
  const [wrong, right, ...more] = markdownBlocks(`${name}.md`, text);
  expect(more).toEqual([]);
  expect(reportsOf(wrong!.code, "wrong", everyRule).join("\n")).toContain(`snowshed/${name}:`);
  expect(reportsOf(right!.code, "right", everyRule)).toEqual([]);
});
