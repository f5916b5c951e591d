/** A piece of TypeScript shown in the documentation. */
export interface Block {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Where the code begins in that file, from 1. */
  readonly line: number;
  readonly code: string;
  /** `no-run`: only type-checked. `no-check`: neither, for code shown because it is wrong. */
  readonly mode: "run" | "no-run" | "no-check";
}

const fence = /^([ \t]*)```ts\b([^\n]*)\n([^]*?)^[ \t]*```/gm;
const docComment = /^[ \t]*\/\*\*[^]*?\*\//gm;

/** The ```ts blocks of a Markdown page. */
export function markdownBlocks(file: string, text: string): Block[] {
  return [...text.matchAll(fence)].map((match) => {
    const [, indent = "", marker = "", code = ""] = match;
    const line = lineAt(text, match.index) + 1;
    const mode = marker.trim() || "run";
    if (mode !== "run" && mode !== "no-run" && mode !== "no-check") {
      throw new Error(`${file}:${line - 1}: "ts ${mode}": the markers are "no-run" and "no-check"`);
    }
    return { file, line, mode, code: code.replaceAll(new RegExp(`^${indent}`, "gm"), "") };
  });
}

/** The ```ts blocks of the doc comments of a module. */
export function docCommentBlocks(file: string, source: string): Block[] {
  return [...source.matchAll(docComment)].flatMap((match) => {
    const text = match[0].replaceAll(/^[ \t]*(?:\/\*\*|\*(?!\/)) ?/gm, "");
    // Empty lines in place of what comes before keep the line numbers right.
    return markdownBlocks(file, "\n".repeat(lineAt(source, match.index) - 1) + text);
  });
}

/** Classes and functions that `index` exports by name from `./path.ts` whose doc comment has no `@example`. */
export function withoutExample(index: string, read: (path: string) => string): string[] {
  const missing: string[] = [];
  for (const [, names = "", path = ""] of index.matchAll(/^export \{([^}]*)\} from "([^"]+)"/gm)) {
    const source = read(path);
    for (const name of names.split(",").flatMap((item) => /^\s*(\w+)/.exec(item)?.[1] ?? [])) {
      const declared = new RegExp(`^export (?:abstract |async )?(?:class |function\\*? ?)${name}\\b`, "m").exec(source);
      if (declared === null) continue;
      const comments = [...source.slice(0, declared.index).matchAll(docComment)];
      const last = comments.at(-1);
      const adjoins = last !== undefined && source.slice(last.index + last[0].length, declared.index).trim() === "";
      if (!adjoins || !last[0].includes("@example")) missing.push(name);
    }
  }
  return missing;
}

/**
 * What the code says it prints: `// Output:` with the lines as comments after it, at the end. `undefined` without it.
 */
export function expectedOutput(code: string): string | undefined {
  const lines = code.trimEnd().split("\n");
  const start = lines.lastIndexOf("// Output:");
  if (start === -1) return undefined;
  return lines
    .slice(start + 1)
    .map((line) => {
      if (!line.startsWith("//")) throw new Error(`after "// Output:" only comments may follow, not ${line}`);
      return line.slice(2).replace(/^ /, "").trimEnd();
    })
    .join("\n");
}

const annotated = /\)\s*;?\s*\/\/ (.+)$/;

/**
 * What single calls say they print: `console.log(x); // this`. Gives the code with those calls marked by their line, and
 * what each is expected to print. A call that prints several times says `// 1, then 2` or `// 1, 2`; `...` at the end
 * stands for any end.
 */
export function markPrints(code: string): { readonly code: string; readonly expected: ReadonlyMap<number, string> } {
  const expected = new Map<number, string>();
  const lines = code.split("\n").map((line, index) => {
    const comment = line.trimStart().startsWith("//") ? undefined : annotated.exec(line)?.[1];
    if (comment === undefined || !line.includes("console.log(")) return line;
    expected.set(index + 1, comment.trim());
    return line.replace("console.log(", `console.log("<${index + 1}>", `);
  });
  return { code: lines.join("\n"), expected };
}

/** The printed text without marks, and the lines of it that do not say what was expected. */
export function readPrints(
  printed: string,
  expected: ReadonlyMap<number, string>,
): { readonly output: string; readonly wrong: readonly { line: number; expected: string; printed: string }[] } {
  const byLine = new Map<number, string[]>();
  const output = printed.replaceAll(/^<(\d+)> ?(.*)$/gm, (_, line: string, text: string) => {
    const lines = byLine.get(Number(line)) ?? [];
    byLine.set(Number(line), [...lines, text]);
    return text;
  });
  const wrong = [...expected].flatMap(([line, text]) => {
    const actual = (byLine.get(line) ?? []).join(text.includes(", then ") ? ", then " : ", ");
    const same = text.endsWith("...") ? actual.startsWith(text.slice(0, -3).trimEnd()) : actual === text;
    return same ? [] : [{ line, expected: text, printed: actual }];
  });
  return { output: output.trimEnd(), wrong };
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
