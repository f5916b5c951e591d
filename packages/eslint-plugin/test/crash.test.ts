// No code makes a rule throw: not ours, not odd syntax, not the fixtures with a piece cut out.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import plugin from "../src/index.ts";
import * as allFixtures from "./fixtures/index.ts";
import { fixture, withImports } from "./support/fixture.ts";
import { eslints, parsers } from "./support/linters.ts";
import { oxlint } from "./support/oxlint.ts";

const rules = Object.fromEntries(Object.keys(plugin.rules).map((name) => [`snowshed/${name}`, "error"] as const));
const root = fileURLToPath(new URL("../../../", import.meta.url));
const linter = new eslints[1].Linter();

/** What the rules report; throws when one of them does. */
function lint(code: string, parser: (typeof parsers)[number]): number {
  const config = { languageOptions: parser.languageOptions, plugins: { snowshed: plugin }, rules };
  return linter.verify(code, config).length;
}

const odd: readonly string[] = [
  ``,
  `;;;`,
  `this.x(); this.#y;`,
  `[, , ...a] = [, ...b]; ({ a: [b = c(d)], ...e } = f);`,
  `export default class extends f() { static { this.g(); } static #h = () => this.#h(); get [k]() { return super.k; } }`,
  `export * as everything from "snowshed"; export { Group as default } from "snowshed";`,
  `import snowshed, { Group as default_ } from "snowshed"; snowshed.Group(); new (snowshed["Group"])().go?.(...a)?.wait();`,
  `import "snowshed"; import * as all from "snowshed"; new all.Group.Group(); all[Group](); new all[\`Group\`]();`,
  `const { Group, ...rest } = require("snowshed"); new rest.Semaphore(1).acquire(); require(); require(x); import(y);`,
  `const { [k]: A, "Group": B, C = 1 } = await import("snowshed"); new B().wait();`,
  `const a = b, b = a; a.wait(); let c = c; c.wait(); function f(x = x) { x.wait(); } var v; var v; v.wait();`,
  `const group = new Group; group.go; group["go"]; group[go](); group.go(); group.go(...a); group.go(async); void group;`,
  `outer: for (;;) { for await (const x of y) continue outer; } do ; while (await z); for (using u of w) await u;`,
  `switch (a) { case await b: wg.done(); default: return_; } if (await c) ; else d();`,
  `function* g() { yield; yield* h(); (yield)(); } async function* i() { await (yield await j); }`,
  `class A { #a; b = this.#a; constructor(c) { this.#a = c; this["d"] = c; ({ e: this.f } = c); } static g() { return this.#a; } }`,
  `tag\`\${await x}\`.then(...y).catch().finally(z); new Promise; new Promise(); new Promise(...p); Promise.all(); Promise.all(...q);`,
  `AbortSignal.any([...x, ...[AbortSignal.timeout(1)], , ...(a ? [] : b)]); AbortSignal.any(...s); AbortSignal?.any?.([]);`,
  `Promise.all(x.map()); Promise.all(x.map(...y)); Promise.all(Array.from()); Promise.all(Array.from(a, b)); Promise.all(([]).map(async () => {}));`,
  `label: { break label; } with_: ; debugger; new.target_; import.meta.url; a ??= b; a &&= await c; (a, b).c(); delete a.b;`,
  `const s = new Semaphore(1), p = await s.permit(), { q } = await s.permit(), [r] = await s.permit(); p.release; s.acquire;`,
];

const oddTypes: readonly string[] = [
  `abstract class A<T extends Group = Group> { declare readonly g: T; abstract wait(): void; constructor(private s = new Semaphore(1), public t?: Semaphore | null) { this.s!.acquire(); (<any>this.t).acquire(); } accessor h = 1; }`,
  `function f(this: Group, a?: Group | undefined | null, ...b: Group[]): asserts a is Group; function f(x: any) { this.wait(); x!.wait(); } declare function g(c: Context): void;`,
  `enum E { A = 1 } namespace N { export const g = new Group(); g.wait(); } declare module "x" { const y: number; } import z = require("snowshed"); new z.Group().wait(); export = z;`,
  `const a = <T,>(x: T) => x as unknown as Group satisfies Group; type B = typeof import("snowshed"); let c: import("snowshed").Group; let d: snowshed.Group.Inner; c.wait(); d!.wait();`,
  `@decorate(() => group.wait()) class C { @field() x = new Group().wait(); @method() async m(@parameter() p: Context) { await fetch("x"); } }`,
];

test("odd syntax", { timeout: 30_000 }, () => {
  for (const code of odd)
    for (const parser of parsers) expect(() => lint(withImports(code), parser), code).not.toThrow();
  for (const code of oddTypes) expect(() => lint(withImports(code), parsers[1]), code).not.toThrow();
});

test("fixtures with a piece cut out, or put elsewhere", { timeout: 60_000 }, () => {
  const codes = Object.values(allFixtures)
    .flatMap(({ valid, invalid }) => valid.concat(invalid))
    .map((each) => withImports(fixture(each).code));
  const piece = fc.record({
    code: fc.constantFrom(...codes),
    other: fc.constantFrom(...codes),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(40),
    replace: fc.boolean(),
  });
  let parsed = 0;
  const cut = fc.property(piece, ({ code, other, at, length, replace }) => {
    const tokens = code.split(/\b/);
    const start = Math.floor(at * tokens.length);
    const body = other.split("\n").slice(1).join("\n");
    const cutOut = [...tokens.slice(0, start), replace ? body : "", ...tokens.slice(start + length)].join("");
    const config = { languageOptions: parsers[0].languageOptions, plugins: { snowshed: plugin }, rules };
    if (!linter.verify(cutOut, config).some(({ fatal }) => fatal === true)) parsed++;
  });
  fc.assert(cut, { numRuns: 300 });
  // Some of it is code: about one in eight is, by chance.
  expect(parsed).toBeGreaterThan(10);
});

test("everything that this repository has in TypeScript", { timeout: 60_000 }, async () => {
  const paths = ["packages/snowshed", "packages/cli", "packages/eslint-plugin"].flatMap((folder) =>
    ["src", "test"].flatMap((part) =>
      readdirSync(join(root, folder, part), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts"))
        .map((path) => join(folder, part, path)),
    ),
  );
  const codes = paths.map((path) => ({ path, code: readFileSync(join(root, path), "utf8") }));
  const reports = await oxlint(codes, rules);
  expect(codes.length).toBeGreaterThan(300);
  // A rule that throws is a report without a rule.
  expect(reports.filter(({ rule }) => rule.startsWith("oxlint"))).toEqual([]);
});
