// Puts the text of commander into packages/cli/dist/commander.js, in the place of the import that tsc wrote there: to find
// and read its seven CommonJS files one by one is a sixth of a start of the command line on Node 22. Run after `tsc -b`;
// without it the command line does the same, and starts later.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const target = fileURLToPath(new URL("../packages/cli/dist/commander.js", import.meta.url));
const index = createRequire(target).resolve("commander");
const folder = path.dirname(index);

/** The files by their path in the package, each after those it needs. */
const files = new Map();
add("index.js");

/** @param {string} name */
function add(name) {
  if (files.has(name)) return;
  const text = readFileSync(path.join(folder, name), "utf8").replaceAll(
    /\brequire\((['"])(\.[^'"]+)\1\)/g,
    (_, _quote, /** @type {string} */ wanted) => {
      const needed = path.posix.join(path.posix.dirname(name), wanted.replace(/(?:\.js)?$/, ".js"));
      add(needed);
      return `files[${JSON.stringify(needed)}]`;
    },
  );
  files.set(name, `((exports) => {\n${text}\nreturn exports;\n})({})`);
}

const source = readFileSync(new URL("../packages/cli/src/commander.ts", import.meta.url), "utf8");
const names = /^export (\{.+\}) from/m.exec(source)?.[1];
if (names === undefined) throw new Error("packages/cli/src/commander.ts does not say what of commander is in use");

const bundle = `/*! commander
${readFileSync(path.join(folder, "LICENSE"), "utf8")}*/
// Only modules of Node are left to be required.
const require = (name) => process.getBuiltinModule(name);
const files = {};
${[...files].map(([name, text]) => `files[${JSON.stringify(name)}] = ${text};\n`).join("")}export const ${names} = files["index.js"];
`;

// Whole or not at all: tests may be starting the command line meanwhile.
const written = `${target}.${process.pid}`;
writeFileSync(written, bundle);
renameSync(written, target);
rmSync(`${target}.map`, { force: true });
