// Every rule on its fixtures, with each ESLint and each parser. The suggestions are checked, and what they give parses.
import type { Linter as Linter10 } from "eslint";
import { describe, expect, test } from "vitest";
import plugin from "../src/index.ts";
import * as allFixtures from "./fixtures/index.ts";
import { fixture, withImports } from "./support/fixture.ts";
import { eslints, parsers } from "./support/linters.ts";

const suites = Object.values(allFixtures);

test("every rule has fixtures, of both kinds", () => {
  expect(suites.map(({ rule }) => rule).toSorted()).toEqual(Object.keys(plugin.rules).toSorted());
  expect(suites.filter(({ valid, invalid }) => valid.length === 0 || invalid.length === 0)).toEqual([]);
});

test.each(suites)("every message of $rule is expected somewhere", ({ rule, invalid }) => {
  const reported = new Set(invalid.flatMap(({ errors }) => errors.map(([messageId]) => messageId)));
  const { messages } = plugin.rules[rule]!.meta;
  // Messages of suggestions are compared by what the suggestion gives.
  const ofProblems = Object.keys(messages).filter((id) => !["addAwait", "wrap", "hold", "add"].includes(id));
  expect([...reported].toSorted()).toEqual(ofProblems.toSorted());
});

const isFor = (isTypeScript: boolean) => (each: { readonly isTypeScript?: true }) =>
  isTypeScript || each.isTypeScript !== true;

// The whole check of a rule, with suggestions that must parse, is slow: each ESLint has one parser for it, each parser one
// ESLint, and what is valid is left to the next test.
for (const [index, { version, RuleTester }] of eslints.entries()) {
  const { parser, isTypeScript, languageOptions } = parsers[index]!;
  describe(`ESLint ${version} with ${parser}`, () => {
    RuleTester.describe = describe;
    RuleTester.it = test;
    RuleTester.itOnly = test.only;
    for (const { rule, valid, invalid } of suites) {
      new RuleTester({ languageOptions }).run(rule, plugin.rules[rule] as never, {
        valid: [withImports(fixture(valid[0]!).code)],
        invalid: invalid.filter(isFor(isTypeScript)).map(({ code, errors }) => ({
          code: withImports(code),
          errors: errors.map(([messageId, output]) => ({
            messageId,
            suggestions: output === null ? [] : [{ output: withImports(output), messageId: suggestionOf(rule) }],
          })),
        })),
      });
    }
  });
}

for (const { version, Linter } of eslints) {
  for (const { parser, isTypeScript, languageOptions } of parsers) {
    test(`ESLint ${version} with ${parser} reports what is expected, and no more`, { timeout: 30_000 }, () => {
      const linter = new Linter() as Linter10;
      for (const { rule, valid, invalid } of suites) {
        const rules = { [`snowshed/${rule}`]: "error" } as const;
        const reported = (code: string): readonly (string | undefined)[] =>
          linter
            .verify(withImports(code), { languageOptions, plugins: { snowshed: plugin }, rules })
            .map(({ messageId, message }) => messageId ?? message);
        const check = (code: string, expected: readonly string[]): void =>
          expect(reported(code), code).toEqual(expected);
        for (const { code } of valid.map(fixture).filter(isFor(isTypeScript))) check(code, []);
        for (const { code, errors } of invalid.filter(isFor(isTypeScript))) {
          check(
            code,
            errors.map(([messageId]) => messageId),
          );
        }
      }
    });
  }
}

function suggestionOf(rule: string): string {
  const { messages } = plugin.rules[rule]!.meta;
  return ["addAwait", "wrap", "hold", "add"].find((id) => id in messages)!;
}
