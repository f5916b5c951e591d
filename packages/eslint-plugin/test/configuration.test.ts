// The plugin as a user has it in a configuration, for the compiler and for each ESLint.
import { readFileSync } from "node:fs";
import { defineConfig } from "eslint/config";
import type { ESLint as ESLint10, Linter as Linter10 } from "eslint";
import type { ESLint as ESLint9 } from "eslint9";
import { defineConfig as defineConfig9 } from "eslint9/config";
import { expect, test } from "vitest";
import plugin from "../src/index.ts";
import { eslints } from "./support/linters.ts";

test("the types fit the configurations of both", () => {
  const as9: ESLint9.Plugin = plugin;
  const as10: ESLint10.Plugin = plugin;
  expect(as9).toBe(as10);
  const config = { files: ["**/*.js"], extends: [plugin.configs.recommended] };
  expect(defineConfig([config])).toEqual(defineConfig9([config]));
});

test.each(eslints)("ESLint $version takes the recommended configuration as it is", ({ Linter }) => {
  const code = `import { Group } from "snowshed"; const group = new Group(); group.wait();`;
  const linter = new Linter() as Linter10;
  const reports = linter.verify(code, [plugin.configs.recommended]);
  expect(reports.map(({ ruleId, severity }) => [ruleId, severity])).toEqual([["snowshed/no-floating-wait", 2]]);
});

test("recommended has ten rules: errors, and a warning where the code may be right", () => {
  const { rules } = plugin.configs.recommended;
  expect(Object.keys(rules)).toHaveLength(10);
  expect(Object.entries(rules).filter(([, severity]) => severity === "warn")).toEqual([
    ["snowshed/no-unbounded-promise-all", "warn"],
  ]);
});

test("the version is that of the package", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as object;
  expect(manifest).toMatchObject({ name: plugin.meta.name, version: plugin.meta.version });
});
