import { rm } from "node:fs/promises";
import path from "node:path";
import { describeSystemError } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import { writeWhole } from "../write-file.ts";
import { alertFragment } from "./alert-fragment.ts";
import { capacityReport } from "./capacity-report.ts";
import type { CapacityResult } from "./capacity-result.ts";

/** The result for programs, the page, and the rule if there is a number for it. Only the user can read them. */
export async function writeResult(folder: string, result: CapacityResult): Promise<void> {
  const { json, page, rules } = filesOf(folder, result.name);
  const fragment = alertFragment(result);
  try {
    await writeWhole(json, `${JSON.stringify(result, null, 2)}\n`, 0o600);
    await writeWhole(page, await capacityReport(result), 0o600);
    if (fragment !== undefined) await writeWhole(rules, fragment);
  } catch (error) {
    throw new UsageError(`cannot write the results to ${folder}: ${describeSystemError(error)}`);
  }
}

/** What an earlier run found is not what this one will have found. */
export async function removeResult(folder: string, name: string): Promise<void> {
  await Promise.all(Object.values(filesOf(folder, name)).map((file) => rm(file, { force: true })));
}

function filesOf(folder: string, name: string): Readonly<Record<"json" | "page" | "rules", string>> {
  const file = (end: string): string => path.join(folder, `${name}.${end}`);
  return { json: file("json"), page: file("html"), rules: file("rules.yml") };
}
