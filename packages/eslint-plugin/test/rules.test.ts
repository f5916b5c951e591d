// Every rule on its fixtures, with each ESLint and each parser. The suggestions are checked, and what they give parses.
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

for (const { version, RuleTester } of eslints) {
  for (const { parser, isTypeScript, languageOptions } of parsers) {
    describe(`ESLint ${version} with ${parser}`, () => {
      RuleTester.describe = describe;
      RuleTester.it = test;
      RuleTester.itOnly = test.only;
      for (const { rule, valid, invalid } of suites) {
        const isRead = (each: { readonly isTypeScript?: true }): boolean => isTypeScript || each.isTypeScript !== true;
        new RuleTester({ languageOptions }).run(rule, plugin.rules[rule] as never, {
          valid: valid
            .map(fixture)
            .filter(isRead)
            .map(({ code }) => withImports(code)),
          invalid: invalid.filter(isRead).map(({ code, errors }) => ({
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
}

function suggestionOf(rule: string): string {
  const { messages } = plugin.rules[rule]!.meta;
  return ["addAwait", "wrap", "hold", "add"].find((id) => id in messages)!;
}
