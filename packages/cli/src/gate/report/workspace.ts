import path from "node:path";
import type { Io } from "../../io.ts";
import type { GateReport } from "./gate-report.ts";

/**
 * The report with its files as GitHub looks for them: below the root of the repository, not below the folder that the job
 * was started in. Without `GITHUB_WORKSPACE`, or for files outside, they stay as they are.
 */
export function inWorkspace(report: GateReport, { env }: Pick<Io, "env">): GateReport {
  const root = env["GITHUB_WORKSPACE"] ?? "";
  if (!path.isAbsolute(root)) return report;
  const renamed = (file: string): string => {
    const relative = path.relative(root, path.resolve(file));
    const isBelow = relative !== "" && relative.split(path.sep)[0] !== ".." && !path.isAbsolute(relative);
    return isBelow ? relative.replaceAll(path.sep, "/") : file;
  };
  const stages = report.stages.map((stage) => ({
    ...stage,
    findings: stage.findings.map((each) => ({ ...each, file: each.file === null ? null : renamed(each.file) })),
  }));
  return { ...report, config: renamed(report.config), stages };
}
