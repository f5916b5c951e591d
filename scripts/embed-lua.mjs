// Writes beside each src/adapters/redis/lua/*.lua a module with its text, less its comments: the compiler copies no other files, and bundlers
// read none. `node scripts/embed-lua.mjs`; with `--check` it only says whether it would change anything.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../packages/snowshed/src/adapters/redis/lua/", import.meta.url));

/** @param {string} name */
function moduleOf(name) {
  // Servers, and those who load the package, need no comments.
  const source = readFileSync(`${folder}${name}.lua`, "utf8").replaceAll(/^ *--.*\n/gm, "");
  const sha1 = createHash("sha1").update(source).digest("hex");
  const identifier = `${name.replaceAll(/-\w/g, (pair) => pair.slice(1).toUpperCase())}Script`;
  const literal = source.replaceAll(/[\\`]|\$\{/g, String.raw`\$&`);
  return `// Made by scripts/embed-lua.mjs of ${name}.lua: what is changed here is lost.
import type { Script } from "../port.ts";

/** @internal */
export const ${identifier}: Script = {
  name: "${name}",
  sha1: "${sha1}",
  source: \`${literal}\`,
};
`;
}

/** The modules by their path. */
export function embedded() {
  const names = readdirSync(folder).flatMap((file) => (file.endsWith(".lua") ? [file.slice(0, -".lua".length)] : []));
  return new Map(names.map((name) => [`${folder}${name}-script.ts`, moduleOf(name)]));
}

const path = process.argv[1];
if (path !== undefined && fileURLToPath(import.meta.url) === path) {
  for (const [target, text] of embedded()) {
    if (process.argv[2] !== "--check") writeFileSync(target, text);
    else if (readFileSync(target, "utf8") !== text) {
      console.error(`${target} is not what its script says: run node scripts/embed-lua.mjs`);
      process.exitCode = 1;
    }
  }
}
