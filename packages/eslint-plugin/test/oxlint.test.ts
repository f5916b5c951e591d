// The built plugin in oxlint reports of every fixture what it does in ESLint: the same rules at the same places.
import { expect, test } from "vitest";
import plugin from "../src/index.ts";
import * as allFixtures from "./fixtures/index.ts";
import { fixture, withImports } from "./support/fixture.ts";
import { reportsOf } from "./support/linters.ts";
import { oxlint } from "./support/oxlint.ts";

const rules = Object.fromEntries(Object.keys(plugin.rules).map((name) => [`snowshed/${name}`, "error"] as const));
const codes = Object.values(allFixtures)
  .flatMap(({ valid, invalid }) => valid.concat(invalid))
  .map((each, index) => ({ path: `fixture ${index}`, code: withImports(fixture(each).code) }));

test("oxlint and ESLint agree on every fixture", { timeout: 60_000 }, async () => {
  const reports = await oxlint(codes, rules);
  const found = reports.map(
    ({ path, rule, line, column, message }) => `${path}:${line}:${column} snowshed/${rule}: ${message}`,
  );
  const expected = codes.flatMap(({ path, code }) => reportsOf(code, path, rules));
  expect(expected.length).toBeGreaterThan(100);
  expect(found.toSorted()).toEqual(expected.toSorted());
});
