import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";

const conditions = ["@snowshed/source"];
const report = process.env["VITEST_JSON"];

// What needs the newest Kafka client, which needs a newer Node than this package does: `npm run test:kafka`.
const newer = "**/*.node22.test.ts";
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isNewer = (major === 22 && minor >= 22) || (major === 24 && minor >= 6) || major > 24;
if (!isNewer) {
  const files = readdirSync(new URL("packages/snowshed/test", import.meta.url), { recursive: true, encoding: "utf8" });
  const left = files.filter((file) => file.endsWith(".node22.test.ts")).map((file) => basename(file));
  const why = `this is Node ${process.versions.node}, see npm run test:kafka`;
  process.stdout.write(`left out (${why}): ${left.join(", ")}\n`);
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    exclude: isNewer ? configDefaults.exclude : [...configDefaults.exclude, newer],
    // Some tests spawn the built command line, or compile examples against the built declarations.
    globalSetup: ["scripts/build.mjs"],
    // Tests with real servers and processes wait more than they compute. The default is one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: { include: ["packages/*/src/**"] },
    // CI counts from the runner's own report: see .ci/run.
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
