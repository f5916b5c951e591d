import { connectionKinds } from "../config/audit-section.ts";
import type { Config } from "../config/config.ts";
import { checkRules } from "../check-rules.ts";
import type { Fact } from "../facts.ts";
import type { StageContext, StageNote, StageResult, StageRunner } from "../run.ts";
import { verdictOf } from "../verdict.ts";
import { readFiles } from "./read-files.ts";
import { connectionsOf, workloadsOn } from "./uses.ts";

/** Judges what is declared, what the named files set and, with --live, what the running servers and this machine say. */
export const auditStage: StageRunner = { stage: "audit", run: runAudit };

async function runAudit({
  config,
  preset,
  source,
  rules,
  live,
  explicit,
  env,
  signal,
  say,
}: StageContext): Promise<StageResult> {
  const { workloads, connections, kernel, files } = config;
  if (!live && [workloads, connections, kernel, files].every((section) => Object.keys(section).length === 0)) {
    const message = "there is nothing to audit: no workloads, connections, kernel or files";
    const notes: StageNote[] = [{ kind: "skipped", rule: null, message }];
    return { stage: "audit", verdict: explicit ? "inconclusive" : "skipped", findings: [], notes, facts: {} };
  }
  const { facts, notes: fileNotes } = await readFiles(config, source);
  const notes: StageNote[] = [...fileNotes, ...unknownServers(config, facts, live)];
  let answers: readonly Fact[] | null = null;
  if (live) {
    await say("asking the running servers and this machine");
    const { askAll } = await import("./live/ask.ts");
    const asked = await askAll(config, { env, signal, folder: source.folder });
    answers = asked.facts;
    notes.push(...asked.notes);
  }
  const checked = await checkRules(rules, { config, preset, source, facts, live: answers });
  notes.push(...checked.notes);
  return {
    stage: "audit",
    verdict: verdictOf(checked.findings, notes),
    findings: checked.findings,
    notes,
    facts: { settings: facts.length, live: answers?.length ?? null, rules: rules.length },
  };
}

/** Of what is in use, and of whose settings nothing is known: their rules find nothing, which is no approval. */
function unknownServers(config: Config, facts: readonly Fact[], live: boolean): readonly StageNote[] {
  return connectionKinds.flatMap((kind) => {
    const isUsed = connectionsOf(config, kind).length > 0 || workloadsOn(config, kind).length > 0;
    if (!isUsed || live || facts.some(({ subject }) => subject === kind)) return [];
    const message = `no file has the settings of ${kind} (files.${kind}, compose or kubernetes): audit/${kind}-* did not judge them`;
    return [{ kind: "skipped" as const, rule: null, message }];
  });
}
