// Writes src/adapters/redis/lua-scripts.ts from lua/*.lua: the compiler copies no other files, and bundlers read none.
// `node scripts/embed-lua.mjs`; with `--check` it only says whether it would change anything.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../packages/snowshed/src/adapters/redis/", import.meta.url));
const target = `${folder}lua-scripts.ts`;

/** @param {string} name */
function entry(name) {
  const source = readFileSync(`${folder}lua/${name}.lua`, "utf8");
  const sha1 = createHash("sha1").update(source).digest("hex");
  const identifier = `${name.replaceAll(/-\w/g, (pair) => pair.slice(1).toUpperCase())}Script`;
  const literal = source.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`);
  return `/** @internal */
export const ${identifier}: Script = {
  name: "${name}",
  sha1: "${sha1}",
  source: \`${literal}\`,
};
`;
}

export function embedded() {
  const names = readdirSync(`${folder}lua`)
    .filter((file) => file.endsWith(".lua"))
    .map((file) => file.slice(0, -".lua".length))
    .toSorted();
  const head = `// Made by scripts/embed-lua.mjs of lua/*.lua: what is changed here is lost.
/* oxlint-disable max-lines */
import type { Script } from "./port.ts";
`;
  return [head, ...names.map(entry)].join("\n");
}

const path = process.argv[1];
if (path !== undefined && fileURLToPath(import.meta.url) === path) {
  const text = embedded();
  if (process.argv[2] !== "--check") writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) {
    console.error("lua-scripts.ts is not what lua/*.lua say: run node scripts/embed-lua.mjs");
    process.exitCode = 1;
  }
}
