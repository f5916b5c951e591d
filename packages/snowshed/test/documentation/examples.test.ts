// Runs examples/*.ts: each short, written as a user would, and printing exactly what its `// Output:` says.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { findEtcd } from "../support/etcd.ts";
import { findRedis } from "../support/redis.ts";
import { expectedOutput } from "./blocks.ts";
import { compile, root, run } from "./run.ts";

const folder = join(root, "examples");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .toSorted();
const modules = new Map(files.map((name) => [name.slice(0, -3), readFileSync(join(folder, name), "utf8")]));
const compiled = await compile(modules);
afterAll(compiled.remove);
// Some examples start one, as on a machine that has it.
await findRedis();
await findEtcd();

describe.concurrent("examples", () => {
  test("the folder holds examples and nothing else of note", ({ expect: expectHere }) => {
    const others = readdirSync(folder).filter((name) => !/\.ts$|^README\.md$|^tsconfig\.json$/.test(name));
    expectHere(others).toEqual([]);
  });

  for (const [name, code] of modules) {
    test(name, { timeout: 90_000 }, async ({ expect: expectHere }) => {
      expectHere(code.trimEnd().split("\n").length, "lines").toBeLessThan(80);
      expectHere(code, "imports by package name").not.toMatch(/from "\.{1,2}\//);
      const expected = expectedOutput(code);
      expectHere(expected, 'a comment "// Output:" at the end').toBeDefined();
      const { messages, path } = compiled.module(name);
      expectHere(messages).toEqual([]);
      const { failed, stdout, stderr } = await run(path);
      expectHere(failed ? stderr : "").toBe("");
      expectHere(stdout.trimEnd()).toBe(expected);
    });
  }
});
