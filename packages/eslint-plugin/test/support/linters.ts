import { createRequire } from "node:module";
import { Linter as Linter10, RuleTester as RuleTester10 } from "eslint";
import { Linter as Linter9, RuleTester as RuleTester9 } from "eslint9";
import plugin from "../../src/index.ts";

// The parser needs a TypeScript with an API, which this package has for itself. A part of the parser is installed at the
// root of the workspace, where TypeScript 7 is, which has none: it is given the same one.
const require = createRequire(import.meta.url);
const partOfParser = createRequire(
  createRequire(require.resolve("@typescript-eslint/parser/package.json")).resolve(
    "@typescript-eslint/typescript-estree",
  ),
);
const withApi = require.resolve("typescript");
void require(withApi);
require.cache[createRequire(partOfParser.resolve("ts-api-utils")).resolve("typescript")] = require.cache[withApi];

const typescriptParser = require("@typescript-eslint/parser") as object;

/** Each ESLint that is supported. */
export const eslints = [
  { version: Linter9.version, Linter: Linter9, RuleTester: RuleTester9 },
  { version: Linter10.version, Linter: Linter10, RuleTester: RuleTester10 },
] as const;

/** Each parser that users have. */
export const parsers = [
  { parser: "espree", isTypeScript: false, languageOptions: { ecmaVersion: "latest", sourceType: "module" } },
  {
    parser: "@typescript-eslint/parser",
    isTypeScript: true,
    languageOptions: { parser: typescriptParser, ecmaVersion: "latest", sourceType: "module" },
  },
] as const;

const linter = new Linter10({ configType: "flat" });

/** What the recommended rules report of some TypeScript, a line each. A text that does not parse is a report. */
export function reportsOf(
  code: string,
  path: string,
  rules: Linter10.RulesRecord = plugin.configs.recommended.rules,
): readonly string[] {
  const { languageOptions } = parsers[1];
  const config = { files: ["**"], languageOptions, plugins: { snowshed: plugin }, rules };
  return linter
    .verify(code, [config], "code.ts")
    .map(({ ruleId, line, column, message }) => `${path}:${line}:${column} ${ruleId ?? "syntax"}: ${message}`);
}
