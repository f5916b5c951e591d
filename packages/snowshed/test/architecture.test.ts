// The dependency direction of the design: cli -> dashboard -> snowshed; in the library index -> concurrency, overload ->
// errors, clock, duration, hooks; everything else -> this core, never another of its kind, never the other way round.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Core files that may import `node:` modules: the core also runs in browsers and at the edge. */
const mayUseNode: readonly string[] = [];

/** What each folder of the library (or file at its root) may import from, besides itself. */
const base = ["errors.ts", "clock.ts", "duration.ts", "hooks.ts"];
const core = [...base, "concurrency", "overload"];
const directions: Readonly<Record<string, readonly string[]>> = {
  "index.ts": core,
  "register.ts": ["diagnostics"],
  ...Object.fromEntries(base.map((file) => [file, base])),
  concurrency: base,
  overload: [...base, "concurrency"],
  throttle: core,
  diagnostics: core,
  testing: [...core, "diagnostics"],
  delivery: core,
  metrics: [...core, "throttle", "diagnostics"],
  adapters: [...core, "throttle", "delivery", "metrics"],
};

/** Which packages of the workspace a package may import, whatever its package.json says. */
const packageDirections: Readonly<Record<string, readonly string[]>> = {
  snowshed: [],
  "@snowshed/dashboard": ["snowshed"],
  "@snowshed/cli": ["@snowshed/dashboard", "snowshed"],
  "eslint-plugin-snowshed": [],
};

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const statement = /^(?:import|export)\b(?:[^"'`;=()]*?\bfrom)?\s*["']([^"']+)["']/gm;
const call = /^(?!\s*(?:\*|\/\/)).*?\b(?:import|getBuiltinModule)\(\s*["']([^"']+)["']/gm;

/** The specifiers that a module imports or re-exports from, types included; what doc comments show does not count. */
function importsOf(source: string): string[] {
  return [...source.matchAll(statement), ...source.matchAll(call)].map(([, specifier = ""]) => specifier);
}

/** The folder or root file of the library a module belongs to; of `adapters/` the folder below it. */
function wing(path: string): string {
  const [first = "", second = ""] = path.split("/");
  return first === "adapters" ? `adapters/${second}` : first;
}

/** What is wrong with the modules (path below packages/ -> source) of packages (folder -> manifest). */
function violations(
  modules: ReadonlyMap<string, string>,
  manifests: ReadonlyMap<string, Manifest>,
  nodeAllowed: readonly string[] = [],
): string[] {
  const found: string[] = [];
  const edges = new Map<string, string[]>();
  for (const [folder, { name, dependencies = {} }] of manifests) {
    const count = Object.keys(dependencies).length;
    if (folder === "snowshed" && count > 0) found.push("snowshed: the library has no dependencies");
    for (const other of manifests.values()) {
      const wrong = other.name in dependencies && !packageDirections[name]?.includes(other.name);
      if (wrong) found.push(`${folder}: must not depend on ${other.name}`);
    }
  }
  for (const [path, source] of modules) {
    const [folder = "", ...rest] = path.split("/");
    const place = rest.slice(1).join("/");
    const listed = { ...manifests.get(folder)?.dependencies, ...manifests.get(folder)?.peerDependencies };
    const library = folder === "snowshed";
    const allowed = directions[wing(place).split("/")[0]!];
    if (library && allowed === undefined) found.push(`${path}: no place in the design`);
    if (/(?:^|\/)(?:utils?|helpers?|common)(?:\/|\.ts$)/.test(path)) found.push(`${path}: says nothing by its name`);
    const targets: string[] = [];
    for (const specifier of importsOf(source)) {
      const problem = (text: string): number => found.push(`${path}: ${specifier}: ${text}`);
      if (specifier.startsWith(".")) {
        const target = posix.join(posix.dirname(path), specifier);
        targets.push(target);
        if (!specifier.endsWith(".ts")) problem("must end in .ts");
        else if (!modules.has(target)) problem("leads to no module of src/");
        else if (library) {
          const to = wing(target.split("/").slice(2).join("/"));
          if (to !== wing(place) && allowed !== undefined && !allowed.includes(to)) problem("against the direction");
        }
      } else if (specifier.startsWith("node:")) {
        const inCore = library && (place === "index.ts" || core.includes(wing(place)));
        if (inCore && !nodeAllowed.includes(place)) problem("not in the core");
      } else {
        const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
        if (!(name in listed)) problem("not listed in package.json");
      }
    }
    edges.set(path, targets);
  }
  return [...found, ...cycles(edges)];
}

function cycles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) found.push(`cycle: ${[...trail.slice(start), path].join(" -> ")}`);
    if (start !== -1 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

test("the modules of all packages keep to the direction", () => {
  const manifests = new Map<string, Manifest>();
  const modules = new Map<string, string>();
  for (const folder of readdirSync(`${root}packages`)) {
    const place = `${root}packages/${folder}`;
    if (!existsSync(`${place}/package.json`)) continue;
    manifests.set(folder, JSON.parse(readFileSync(`${place}/package.json`, "utf8")) as Manifest);
    for (const entry of readdirSync(`${place}/src`, { recursive: true, encoding: "utf8" })) {
      if (!entry.endsWith(".ts")) continue;
      modules.set(`${folder}/src/${entry.replaceAll("\\", "/")}`, readFileSync(`${place}/src/${entry}`, "utf8"));
    }
  }
  expect([...modules.keys()]).toContain("snowshed/src/index.ts");
  expect(violations(modules, manifests, mayUseNode)).toEqual([]);
});

const invented = new Map<string, Manifest>([
  ["snowshed", { name: "snowshed" }],
  ["cli", { name: "@snowshed/cli", dependencies: { snowshed: "1", undici: "7" } }],
]);
const errors = ["snowshed/src/errors.ts", ""] as const;
const offending = (path: string, source: string, ...others: (readonly [string, string])[]): string[] =>
  violations(new Map([[path, source], errors, ...others]), invented);

test("nothing is found where nothing is wrong", () => {
  const source =
    'import type { A } from "../errors.ts";\n/**\n * import { b } from "left-pad";\n */\nexport const c = "node:fs";\n';
  expect(offending("snowshed/src/overload/a.ts", source)).toEqual([]);
  expect(
    offending("cli/src/a.ts", 'import {\n  a,\n} from "undici";\nimport "node:fs";\nimport "snowshed/testing";'),
  ).toEqual([]);
});

test.each([
  ["snowshed/src/concurrency/a.ts", 'import { b } from "../overload/b.ts";', "against the direction"],
  ["snowshed/src/concurrency/a.ts", 'export type { B } from "../overload/b.ts";', "against the direction"],
  ["snowshed/src/concurrency/a.ts", 'type B = import("../overload/b.ts").B;', "against the direction"],
  [
    "snowshed/src/testing/a.ts",
    'import {\n  b,\n} from "../overload/../adapters/redis/b.ts";',
    "against the direction",
  ],
  ["snowshed/src/adapters/etcd/a.ts", 'export * from "../redis/b.ts";', "against the direction"],
  ["snowshed/src/hooks.ts", 'import "./index.ts";', "against the direction"],
  ["snowshed/src/concurrency/a.ts", 'import "../errors.js";', "must end in .ts"],
  ["snowshed/src/concurrency/a.ts", 'import "../../test/x.ts";', "leads to no module"],
  ["snowshed/src/concurrency/a.ts", 'import fs from "node:fs";', "not in the core"],
  ["snowshed/src/overload/a.ts", '  const m = process.getBuiltinModule("node:fs");', "not in the core"],
  ["snowshed/src/adapters/redis/a.ts", 'import type { Redis } from "ioredis";', "not listed"],
  ["cli/src/a.ts", '  await import("@snowshed/dashboard/page");', "not listed"],
  ["snowshed/src/extra.ts", "", "no place in the design"],
  ["cli/src/helpers.ts", "", "says nothing by its name"],
])("%s with %s is reported", (path, source, message) => {
  const others = ["overload/b.ts", "adapters/redis/b.ts", "index.ts"].map(
    (place) => [`snowshed/src/${place}`, ""] as const,
  );
  expect(offending(path, source, ...others)).toEqual([expect.stringContaining(message)]);
});

test("cycles and dependencies of packages are reported", () => {
  const other = ["snowshed/src/overload/b.ts", 'import "./a.ts";'] as const;
  expect(offending("snowshed/src/overload/a.ts", 'import type { B } from "./b.ts";', other)).toEqual([
    expect.stringContaining("cycle: snowshed/src/overload/a.ts -> snowshed/src/overload/b.ts -> "),
  ]);
  const manifests = new Map([
    ...invented,
    ["snowshed", { name: "snowshed", dependencies: { "@snowshed/cli": "1" } }] as const,
  ]);
  expect(violations(new Map(), manifests)).toEqual([
    "snowshed: the library has no dependencies",
    "snowshed: must not depend on @snowshed/cli",
  ]);
});
