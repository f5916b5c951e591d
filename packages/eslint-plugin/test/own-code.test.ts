// The recommended rules on the code that this repository shows and ships, read by oxlint: no report, but where the code
// shows what goes wrong.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { docCommentBlocks, markdownBlocks } from "../../snowshed/test/documentation/blocks.ts";
import { root } from "../../snowshed/test/documentation/run.ts";
import plugin from "../src/index.ts";
import { oxlint } from "./support/oxlint.ts";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const filesBelow = (folder: string, extension: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(extension) && !path.includes("node_modules"))
    .map((path) => `${folder}/${path}`);

// The pages of the rules (see rule-pages.test.ts) and of the warnings show what is wrong.
const pages = ["README.md", ...filesBelow("docs", ".md").filter((path) => !/^docs\/(?:rules|warnings)\//.test(path))];
const sources = ["packages/cli/src", "packages/snowshed/src", "packages/eslint-plugin/src"].flatMap((folder) =>
  filesBelow(folder, ".ts"),
);
const examples = filesBelow("examples", ".ts");
const blocks = [
  ...pages.flatMap((path) => markdownBlocks(path, read(path))),
  ...sources.flatMap((path) => docCommentBlocks(path, read(path))),
].filter(({ mode }) => mode !== "no-check");

/** What is meant so, by file and rule. */
const onPurpose: readonly string[] = [
  // A permit that nobody gives back, to show how the pool reports it.
  "examples/pool.ts require-permit-release",
  // Its first task is to hold the only permit: it comes first, and does not wait.
  "docs/diagnostics.md forward-signal",
  // No more than the relay takes in one round.
  "docs/outbox.md no-unbounded-promise-all",
  // Why add() comes before the start.
  "docs/wait-group.md no-add-in-task",
  // Three files; the proxies of one fault; the probes of one experiment.
  "packages/cli/src/gate/capacity/result-files.ts no-unbounded-promise-all",
  "packages/cli/src/gate/chaos/engines/embedded.ts no-unbounded-promise-all",
  "packages/cli/src/gate/chaos/experiment.ts no-unbounded-promise-all",
  // One for each master of a Redis Cluster.
  "packages/cli/src/locks/redis-locks.ts no-unbounded-promise-all",
];

const inRepository = [...examples, ...sources].map((path) => ({ path, code: read(path) }));
const inDocumentation = blocks.map(({ file, code }) => ({ path: file, code }));

test("nothing is reported of the examples, the documentation and the packages", { timeout: 60_000 }, async () => {
  expect(examples.length).toBeGreaterThan(20);
  expect(blocks.length).toBeGreaterThan(100);
  const reports = await oxlint([...inRepository, ...inDocumentation], plugin.configs.recommended.rules);
  const short = reports.map(({ path, rule }) => `${path} ${rule}`);
  expect([...new Set(short)].toSorted()).toEqual(onPurpose.toSorted());
});

test("the same code is reported when it is made wrong", { timeout: 60_000 }, async () => {
  const path = "examples/group-fan-out.ts";
  const code = read(path).replaceAll(/await (\w+)\.wait\(/g, "$1.wait(");
  const reports = await oxlint([{ path, code }], plugin.configs.recommended.rules);
  expect(reports.map(({ rule }) => rule)).toContain("no-floating-wait");
});
