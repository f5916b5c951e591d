// The last line of CI: `N passed, N failed`, from the JSON reports that vitest wrote (VITEST_JSON, see vitest.config.ts).
// Test files that could not be loaded have no tests to count: they are named before it. So is a report that is not there:
// its tests did not run to their end, and so is a test that was left out: all that tests need is there in CI. Exits 1 unless
// all is well.
import { existsSync, readFileSync } from "node:fs";
import { basename, relative } from "node:path";

/**
 * @typedef {{ name: string, status: string, assertionResults: { fullName: string, status: string }[] }} File
 * @typedef {{ success: boolean, numPassedTests: number, numFailedTests: number, testResults: File[] }} Report
 */
let [passed, failed] = [0, 0];
for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    console.log(`no report: ${basename(path)}`);
    process.exitCode = 1;
    continue;
  }
  const report = /** @type {Report} */ (JSON.parse(readFileSync(path, "utf8")));
  for (const { name, status, assertionResults } of report.testResults) {
    if (status === "failed" && assertionResults.length === 0) console.log(`not loaded: ${relative("", name)}`);
    for (const test of assertionResults.filter((each) => each.status !== "passed" && each.status !== "failed")) {
      console.log(`left out: ${relative("", name)}: ${test.fullName}`);
      process.exitCode = 1;
    }
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (!report.success || report.numPassedTests === 0 || report.numFailedTests > 0) process.exitCode = 1;
}
console.log(`${passed} passed, ${failed} failed`);
