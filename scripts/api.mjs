// The public API as text: every .d.ts that the exports of packages/snowshed reach, without comments, under api/.
// `npm run api` writes it; `npm run api:check` fails when it is not what the build gives. Its diff is the API review.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const packageFolder = join(root, "packages/snowshed");
const dist = join(packageFolder, "dist");
const api = join(root, "api");

/** Removes comments and blank lines; strings and template literal types stay as they are. @param {string} text */
function stripComments(text) {
  const tokens = /("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)|\/\*[^]*?\*\/|\/\/[^\n]*/g;
  const code = text.replace(tokens, (_, /** @type {string | undefined} */ literal) => literal ?? "");
  return `${code
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n")}\n`;
}

/** The declarations by their path below dist/, reached from the `types` of the exports. */
function reachable() {
  const manifest = /** @type {{ exports: Record<string, string | { types?: string }> }} */ (
    JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"))
  );
  const open = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "object" && target.types !== undefined ? [join(packageFolder, target.types)] : [],
  );
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const file of open) {
    const path = relative(dist, file);
    if (found.has(path)) continue;
    if (!existsSync(file)) throw new Error(`${relative(root, file)} is missing: run npm run build`);
    const code = stripComments(readFileSync(file, "utf8"));
    found.set(path, code);
    for (const [, specifier = ""] of code.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*["'](\.[^"']+)["']/g)) {
      open.push(join(dirname(file), specifier.replace(/\.[jt]s$/, ".d.ts")));
    }
  }
  return found;
}

function committed() {
  /** @type {Map<string, string>} */
  const found = new Map();
  for (const entry of existsSync(api) ? readdirSync(api, { recursive: true, encoding: "utf8" }) : []) {
    if (entry.endsWith(".d.ts")) found.set(entry.replaceAll("\\", "/"), readFileSync(join(api, entry), "utf8"));
  }
  return found;
}

/** The lines between the equal beginning and the equal end. @param {string} before @param {string} after */
function difference(before, after) {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && old[start] === now[start]) start++;
  let end = 0;
  while (end < Math.min(old.length, now.length) - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const removed = old.slice(start, old.length - end).map((line) => `- ${line}`);
  const added = now.slice(start, now.length - end).map((line) => `+ ${line}`);
  return [`@@ from line ${start + 1}`, ...removed, ...added].join("\n");
}

function check() {
  const [before, after] = [committed(), reachable()];
  const paths = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  const changed = paths.filter((path) => before.get(path) !== after.get(path));
  for (const path of changed)
    console.error(`api/${path}\n${difference(before.get(path) ?? "", after.get(path) ?? "")}\n`);
  if (changed.length === 0) return console.log(`api/: ${paths.length} files, unchanged`);
  console.error(
    "The public API differs from its snapshot. If that is meant: npm run api, and commit api/ with the change.",
  );
  process.exitCode = 1;
}

function write() {
  rmSync(api, { recursive: true, force: true });
  const files = reachable();
  for (const [path, code] of files) {
    mkdirSync(dirname(join(api, path)), { recursive: true });
    writeFileSync(join(api, path), code);
  }
  console.log(`api/: ${files.size} files written`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) check();
  else write();
}
