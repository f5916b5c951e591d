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
    coverage: { include: ["packages/*/src/**"] },
    // CI counts from the runner's own report: see .ci/run.
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
