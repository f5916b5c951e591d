// The last line of CI: `N passed, N failed`, from the JSON report that vitest wrote (VITEST_JSON, see vitest.config.ts).
// Test files that could not be loaded have no tests to count: they are named before it. Exits 1 unless all is well.
import { readFileSync } from "node:fs";
import { relative } from "node:path";

/**
 * @typedef {{ name: string, status: string, assertionResults: unknown[] }} File
 * @typedef {{ success: boolean, numPassedTests: number, numFailedTests: number, testResults: File[] }} Report
 */
const report = /** @type {Report} */ (JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")));

for (const { name, status, assertionResults } of report.testResults) {
  if (status === "failed" && assertionResults.length === 0) console.log(`not loaded: ${relative("", name)}`);
}
console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed`);
if (!report.success || report.numPassedTests === 0 || report.numFailedTests > 0) process.exitCode = 1;
