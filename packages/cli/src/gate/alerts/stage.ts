import type { Finding } from "../finding.ts";
import { alerts as all } from "../rules/alerts/index.ts";
import type { StageContext, StageNote, StageResult, StageRunner } from "../run.ts";
import { readText } from "../config/files.ts";
import { verdictOf } from "../verdict.ts";
import type { Alert } from "./alert.ts";
import { checkFiles, testAlerts } from "./check-promtool.ts";
import { storesInUse } from "./demands.ts";
import { findDemanded } from "./find-demanded.ts";
import type { LintedFile } from "./lint-files.ts";
import { findingAt, lintFiles, readFileText } from "./lint-files.ts";
import { ruleFile, ruleGroups } from "./prometheus-rules.ts";
import { findPromtool } from "./promtool.ts";
import { selectAlerts } from "./select.ts";
import type { AlertVariables } from "./variables.ts";
import { resolveVariables } from "./variables.ts";

/** What a configuration makes of the alerts, with what is wrong with it. */
export interface ChosenAlerts {
  readonly alerts: readonly Alert[];
  readonly variables: AlertVariables;
  readonly findings: readonly Finding[];
}

export function chooseAlerts({
  config,
  preset,
  source,
}: Pick<StageContext, "config" | "preset" | "source">): ChosenAlerts {
  const { include, vars } = config.alerts;
  const { variables, problems } = resolveVariables(preset, vars);
  const { alerts, unmatched } = selectAlerts(all, preset, include, storesInUse(config));
  const findings = [
    ...problems.map(({ name, message }) => {
      const path = ["alerts", "vars", name];
      return findingAt({ rule: "variable", message }, source.position(path), path);
    }),
    ...unmatched.map((text) => {
      const path = ["alerts", "include", include!.indexOf(text)];
      const message = `${JSON.stringify(text)} names no alert of the preset ${preset.name}`;
      return findingAt({ rule: "include", message }, source.position(path), path);
    }),
  ];
  return { alerts, variables, findings };
}

/** Alert rules: the generated ones, and the user's own. Reads files; starts promtool if it is there. */
export const rulesStage: StageRunner = { stage: "rules", run: runRules };

async function runRules(context: StageContext): Promise<StageResult> {
  const { config, source, env, explicit, signal, settings } = context;
  // Of Kafka nothing is demanded.
  const stores = new Set([...storesInUse(config)].filter((store) => store !== "kafka"));
  const { out, lint = [] } = config.alerts;
  if (!explicit && out === undefined && lint.length === 0 && stores.size === 0) {
    const message = "no alert rules are named, and no store is that needs some";
    return {
      stage: "rules",
      verdict: "skipped",
      findings: [],
      notes: [{ kind: "skipped", rule: null, message }],
      facts: {},
    };
  }
  const { alerts, variables, findings: chosen } = chooseAlerts(context);
  const files: LintedFile[] = [];
  for (const [index, name] of lint.entries()) {
    const path = ["alerts", "lint", index];
    const absolute = await source.resolve(name, path);
    files.push(readFileText(absolute, source.display(absolute), await source.read(name, path)));
  }
  const findings: Finding[] = [...chosen, ...lintFiles(files)];
  const notes: StageNote[] = [];
  const place = source.position(["alerts"]);
  const generated = out === undefined ? [] : alerts;
  if (out !== undefined) findings.push(...(await compareWithFile(context, ruleFile(ruleGroups(alerts, variables)))));
  const promtool = findPromtool(env);
  if (promtool === null) {
    const message =
      "promtool is not installed: rules were read, and not tried on a Prometheus (Debian: apt install prometheus)";
    notes.push({ kind: explicit ? "failed" : "skipped", rule: "rules/promtool", message });
  } else {
    findings.push(...(await checkFiles(promtool, files, findings, signal)));
    // Each release of the package has been through them; with numbers of one's own they may come out otherwise.
    if (settings?.["test"] === true)
      findings.push(...(await testAlerts(promtool, alerts, variables, { place, signal })));
  }
  const options = { stores, files, generated, variables, promtool, explicit, signal, place, found: findings };
  const demanded = await findDemanded(options);
  findings.push(...demanded.findings);
  notes.push(...demanded.notes);
  if (stores.size === 0) {
    notes.push({
      kind: "info",
      rule: "rules/mandatory-missing",
      message: "neither etcd nor Redis is in use: nothing is demanded",
    });
  }
  const facts = {
    alerts: alerts.length,
    files: files.map(({ display, rules }) => ({ file: display, rules: rules.length })),
    met: demanded.met,
    promtool: promtool !== null,
  };
  return { stage: "rules", verdict: verdictOf(findings, notes), findings, notes, facts };
}

/** What Prometheus loads is the file: it must be what the configuration gives. */
async function compareWithFile({ config, source }: StageContext, wanted: string): Promise<Finding[]> {
  const path = ["alerts", "out"];
  const file = await source.resolveOutput(config.alerts.out!, path);
  // A named pipe in its place would be waited for without end.
  const text = await readText(file).catch(() => null);
  if (text === wanted) return [];
  const name = source.display(file);
  const message = text === null ? `${name} has not been written yet` : `${name} is not what the configuration gives`;
  return [findingAt({ rule: "not-built", message }, source.position(path), path)];
}
