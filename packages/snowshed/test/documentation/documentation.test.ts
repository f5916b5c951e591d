// Runs the code of every `@example` and every page: it must compile as a user's would, end without failure, and print
// what it says it prints. Marked "no-run" it is only compiled.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Block } from "./blocks.ts";
import { docCommentBlocks, expectedOutput, markdownBlocks, markPrints, readPrints, withoutExample } from "./blocks.ts";
import { compile, root, run } from "./run.ts";

const library = "packages/snowshed/src";
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const filesBelow = (folder: string, extension: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(extension))
        .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
        .toSorted()
    : [];

const frontPages = ["README.md", "README.zh-CN.md", "packages/snowshed/README.md", "packages/cli/README.md"];
const pages = [...frontPages, ...filesBelow("docs", ".md")].filter((path) => existsSync(join(root, path)));

const blocks = [
  ...filesBelow(library, ".ts").flatMap((path) => docCommentBlocks(path, read(path))),
  ...pages.flatMap((path) => markdownBlocks(path, read(path))),
].filter(({ mode }) => mode !== "no-check");

const nameOf = ({ file, line }: Block): string => `${file.replaceAll(/\W/g, "_")}_${line}`;
// Empty lines before the code make the line numbers in messages those of the page.
const prepared = new Map(
  blocks.map((block) => [nameOf(block), markPrints("\n".repeat(block.line - 1) + block.code)] as const),
);
const modules = new Map([...prepared].map(([name, { code }]) => [name, code] as const));
const compiled = await compile(modules);
afterAll(compiled.remove);

test.each(["index.ts", "diagnostics/index.ts", "testing/index.ts"])(
  "every class and function of %s has an @example",
  (index) => {
    const folder = join(library, index, "..");
    expect(withoutExample(read(`${library}/${index}`), (path) => read(join(folder, path)))).toEqual([]);
  },
);

describe.concurrent("code in the documentation", () => {
  for (const block of blocks) {
    test(`${block.file}:${block.line}`, { timeout: 90_000 }, async ({ expect: expectHere }) => {
      const { messages, path } = compiled.module(nameOf(block));
      expectHere(messages).toEqual([]);
      if (block.mode === "no-run") return;
      const { failed, stdout, stderr } = await run(path);
      expectHere(failed ? stderr : "").toBe("");
      const { output, wrong } = readPrints(stdout, prepared.get(nameOf(block))!.expected);
      expectHere(wrong).toEqual([]);
      const expected = expectedOutput(block.code);
      if (expected !== undefined) expectHere(output).toBe(expected);
    });
  }
});
