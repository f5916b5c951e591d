// What runs the documentation must notice when it is wrong.
import { expect, onTestFinished, test } from "vitest";
import { docCommentBlocks, expectedOutput, markdownBlocks, markPrints, readPrints, withoutExample } from "./blocks.ts";
import { compile, run } from "./run.ts";

const page = [
  "Text.",
  "",
  "```ts",
  "const a = 1;",
  "```",
  "- item",
  "  ```ts no-run",
  "  if (a)",
  "    b();",
  "  ```",
].join("\n");

test("blocks are found with their line, marker and without indentation", () => {
  expect(markdownBlocks("page.md", page)).toEqual([
    { file: "page.md", line: 4, mode: "run", code: "const a = 1;\n" },
    { file: "page.md", line: 8, mode: "no-run", code: "if (a)\n  b();\n" },
  ]);
  expect(() => markdownBlocks("page.md", "```ts norun\n```\n")).toThrow('page.md:1: "ts norun"');
});

test("blocks of doc comments are found with their line", () => {
  const source = "const x = 1;\n/**\n * Does.\n *\n * @example\n * ```ts\n * if (x) {\n *   y();\n * }\n * ```\n */\n";
  expect(docCommentBlocks("a.ts", source)).toEqual([
    { file: "a.ts", line: 7, mode: "run", code: "if (x) {\n  y();\n}\n" },
  ]);
});

test("an export without an @example is named", () => {
  const sources = {
    "./good.ts": "/**\n * @example\n */\nexport function good() {}\nexport const value = 1;\n",
    "./bad.ts": "/** @example */\nconst a = 1;\nexport class Bad {}\n/** None. */\nexport async function worse() {}\n",
  };
  const index =
    'export { good, value } from "./good.ts";\nexport type { T } from "./good.ts";\nexport { Bad, worse } from "./bad.ts";\n';
  expect(withoutExample(index, (path) => sources[path as keyof typeof sources])).toEqual(["Bad", "worse"]);
});

test("the output comment is read to the end, and nothing else may follow it", () => {
  expect(expectedOutput("run();\n\n// Output:\n// a\n//   b\n//\n// c\n")).toBe("a\n  b\n\nc");
  expect(expectedOutput("run();\n")).toBeUndefined();
  expect(() => expectedOutput("// Output:\n// a\nrun();\n")).toThrow("run();");
});

test("a module that prints something else, does not compile or fails is noticed", { timeout: 30_000 }, async () => {
  const { code, expected } = markPrints(
    [
      "console.log(1 + 1); // 3",
      "for (const x of [1, 2]) console.log(x); // 1, then 2",
      "for (const x of [1, 2]) console.log(x); // 1, 2",
      'console.log("abc", 1); // abc...',
      "if (false) console.log(0); // 0",
    ].join("\n"),
  );
  const modules = new Map([
    ["prints", code],
    ["wrong-type", "const n: number = 'text';\n"],
    ["fails", 'import { CanceledError } from "snowshed";\nthrow new CanceledError();\n'],
  ]);
  const compiled = await compile(modules);
  onTestFinished(compiled.remove);
  expect(compiled.module("prints").messages).toEqual([]);
  const printed = await run(compiled.module("prints").path);
  expect(readPrints(printed.stdout, expected)).toEqual({
    output: "2\n1\n2\n1\n2\nabc 1",
    wrong: [
      { line: 1, expected: "3", printed: "2" },
      { line: 5, expected: "0", printed: "" },
    ],
  });
  expect(compiled.module("wrong-type").messages).toEqual([expect.stringContaining("wrong-type.ts(1,7): error TS2322")]);
  const failed = await run(compiled.module("fails").path);
  expect(failed.failed).toBe(true);
  expect(failed.stderr).toContain("CanceledError");
});
