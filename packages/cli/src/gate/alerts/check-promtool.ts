import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finding, Position } from "../finding.ts";
import type { Alert } from "./alert.ts";
import type { LintedFile } from "./lint-files.ts";
import { findingAt } from "./lint-files.ts";
import { ruleFile, ruleGroups } from "./prometheus-rules.ts";
import { findCase, promtoolParts } from "./promtool-tests.ts";
import { checkProblems, testFailures } from "./promtool-output.ts";
import { runPromtool } from "./promtool.ts";
import { inTemporaryFolder } from "./run-probes.ts";
import type { AlertVariables } from "./variables.ts";

/** What promtool has against files that the lint let pass. */
export async function checkFiles(
  promtool: string,
  files: readonly LintedFile[],
  found: readonly Finding[],
  signal?: AbortSignal,
): Promise<Finding[]> {
  // What is broken is said once, in our words and with its place.
  const broken = new Set(found.filter(({ severity }) => severity === "error").map(({ file }) => file));
  const checked = files.filter(({ isPlain, display }) => isPlain && !broken.has(display));
  if (checked.length === 0) return [];
  const paths = checked.map(({ path }) => path);
  const { ok, output } = await runPromtool(promtool, ["check", "rules", "--lint=none", "--", ...paths], signal);
  if (ok) return [];
  const problems = checkProblems(output);
  if (problems.length === 0) throw new Error(`promtool check rules: ${output.trim()}`);
  return problems.map(({ file, line, column, message }) => {
    const display = checked.find(({ path }) => path === file)?.display ?? file;
    const place = { file: display, ...(line === null ? {} : { line }), ...(column === null ? {} : { column }) };
    return findingAt({ rule: "promtool", message }, place);
  });
}

/** Runs the fixtures of alerts against a real Prometheus; each case that goes otherwise is a finding. */
export async function testAlerts(
  promtool: string,
  alerts: readonly Alert[],
  variables: AlertVariables,
  { place = null, signal }: { readonly place?: Position | null; readonly signal?: AbortSignal } = {},
): Promise<Finding[]> {
  const run = await inTemporaryFolder(async (folder) => {
    const parts = promtoolParts(alerts, variables);
    const files = parts.map((_, index) => join(folder, `tests-${index}.yml`));
    for (const [index, part] of parts.entries()) {
      const rules = `rules-${index}.yml`;
      await writeFile(join(folder, rules), ruleFile(ruleGroups(part.alerts, variables)));
      await writeFile(files[index]!, part.tests(rules));
    }
    return runPromtool(promtool, ["test", "rules", ...files], signal);
  });
  if (run.ok) return [];
  const failures = testFailures(run.output);
  if (failures.length === 0) throw new Error(`promtool test rules: ${run.output.trim()}`);
  return failures.map((failure) => {
    const { expected, got, alert, time } = failure;
    const about = findCase(alerts, variables, failure);
    const name = about === null ? alert : `${about.alert.meta.id}, ${about.case.name}`;
    const wrong = expected === got ? "fires with other labels or texts" : got === 0 ? "does not fire" : "fires";
    const message = `${name}: ${wrong} after ${time}; ${expected} expected, ${got} there`;
    return findingAt({ rule: "promtool-test", message }, place, ["alerts"]);
  });
}
