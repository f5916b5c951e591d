import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as scripts from "../../../src/adapters/redis/lua-scripts.ts";
import { embedded } from "../../../../../scripts/embed-lua.mjs";

test("the scripts in lua-scripts.ts are those of lua/, with their digests", () => {
  const path = fileURLToPath(new URL("../../../src/adapters/redis/lua-scripts.ts", import.meta.url));
  expect(readFileSync(path, "utf8")).toBe(embedded());
  // What the text is once it is parsed.
  for (const { name, source } of Object.values(scripts)) {
    const file = new URL(`../../../src/adapters/redis/lua/${name}.lua`, import.meta.url);
    expect(source).toBe(readFileSync(file, "utf8"));
  }
});
