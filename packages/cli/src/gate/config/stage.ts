import type { Finding } from "../finding.ts";
import { stages } from "../finding.ts";
import { didYouMean } from "../nearest.ts";
import type { ConfigError } from "./config-error.ts";
import type { ConfigSource } from "./load.ts";
import type { ExceptionState } from "./exceptions.ts";

/** The file cannot be used: each problem as a finding, so that every report shows it in its place. */
export function findingsOfProblems({ problems }: ConfigError): Finding[] {
  return problems.map(({ kind, message, path, file, line, column }) => ({
    ...base("error", `config/${kind}`, message, path),
    file,
    line,
    column,
  }));
}

/** Exceptions whose time is over, and those that cover nothing though their stage has run. */
export function findingsOfExceptions(
  states: readonly ExceptionState[],
  source: Pick<ConfigSource, "position">,
  { ruleIds, ran }: { readonly ruleIds: readonly string[]; readonly ran: ReadonlySet<string> },
): Finding[] {
  return states.flatMap(({ rule, until, owner, expired, used }, index): Finding[] => {
    if (expired) {
      const path = ["exceptions", index, "until"];
      const message = `the exception of ${owner} from ${rule} ended on ${until}`;
      const fix = "Repair what it covered, or decide again and set a new day.";
      return [{ ...base("error", "config/expired-exception", message, path), ...source.position(path), fix }];
    }
    const [stage = ""] = rule.split("/", 1);
    // Of a stage that did not run nothing is known; what begins with no stage is of none.
    if (used > 0 || (!ran.has(stage) && stage !== "config" && stages.some((each) => each === stage))) return [];
    const path = ["exceptions", index, "rule"];
    const known = ruleIds.includes(rule);
    const message = `the exception from ${rule} covers nothing${known ? "" : didYouMean(rule, ruleIds)}`;
    const fix = "Take it out, so that it does not hide what comes later.";
    return [{ ...base("warning", "config/unused-exception", message, path), ...source.position(path), fix }];
  });
}

function base(
  severity: Finding["severity"],
  rule: string,
  message: string,
  path: Finding["path"],
): Omit<Finding, "file" | "line" | "column"> {
  return { rule, severity, message, path, fix: null, sources: ["docs/gate.md"], stage: "config" };
}
