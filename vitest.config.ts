import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const conditions = ["@snowshed/source"];
const report = process.env["VITEST_JSON"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    // Some tests spawn the built command line, or compile examples against the built declarations.
    globalSetup: ["scripts/build.mjs"],
    // Tests with real servers and processes wait more than they compute. The default is one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: { include: ["packages/*/src/**"] },
    // CI counts from the runner's own report: see .ci/run.
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
