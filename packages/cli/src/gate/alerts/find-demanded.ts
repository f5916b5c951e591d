import type { Finding, Position } from "../finding.ts";
import type { StageNote } from "../run.ts";
import type { Alert } from "./alert.ts";
import type { Demand } from "./demands.ts";
import { demands, demandText } from "./demands.ts";
import type { LintedFile } from "./lint-files.ts";
import { findingAt } from "./lint-files.ts";
import type { Candidate, Probed } from "./probe.ts";
import { candidatesFor } from "./probe.ts";
import { runProbes } from "./run-probes.ts";
import type { AlertVariables } from "./variables.ts";

export interface DemandOptions {
  readonly stores: ReadonlySet<"etcd" | "redis">;
  readonly files: readonly LintedFile[];
  /** Those `rules build` writes; empty when nothing is written. */
  readonly generated: readonly Alert[];
  readonly variables: AlertVariables;
  /** Null when it is not installed. */
  readonly promtool: string | null;
  readonly explicit: boolean;
  readonly signal: AbortSignal;
  /** Of what the configuration says of alerts: a finding that no rule is to blame for is there. */
  readonly place: Position;
  /** What was said already. */
  readonly found: readonly Finding[];
}

export interface DemandResult {
  readonly findings: readonly Finding[];
  readonly notes: readonly StageNote[];
  /** By the id of the demand: who meets it. */
  readonly met: Readonly<Record<string, string>>;
}

/** Whether each alert the article demands is there: generated, or one of the user's own that does the same. */
export async function findDemanded(options: DemandOptions): Promise<DemandResult> {
  const { stores, files, generated, variables, promtool, explicit, signal, found } = options;
  const findings: Finding[] = [];
  const notes: StageNote[] = [];
  const met: Record<string, string> = {};
  const wanted = demands.filter(({ store }) => stores.has(store));
  const candidates = new Map(wanted.map((demand) => [demand, candidatesFor(demand, files)]));
  const all = [...candidates.values()].flat();
  const probed = promtool === null ? null : await runProbes(promtool, all, variables, signal);
  const rule = "rules/mandatory-missing";
  // The lint has said it, with the place in the expression.
  const said = new Set(
    found.flatMap(({ rule: id, file, message }) =>
      id === "rules/unguarded-divisor" ? [`${file}: ${message.split(":", 1)[0]}`] : [],
    ),
  );
  for (const [demand, own] of candidates) {
    const always = own.filter((candidate) => probed?.get(candidate)?.firesOnGood === true);
    findings.push(...always.map((candidate) => alwaysFires(candidate)));
    const unset = own.filter(
      (candidate) =>
        probed?.get(candidate)?.firesOnUnset === true && !always.includes(candidate) && !said.has(nameIn(candidate)),
    );
    findings.push(...unset.map((candidate) => firesUnset(candidate)));
    const written = generated.find(({ meta }) => meta.mandatory === demand.id);
    const does = own.find((candidate) => isWanted(probed?.get(candidate)));
    const name = written?.meta.alert ?? does?.rule.name;
    if (name !== undefined) {
      met[demand.id] = name;
      continue;
    }
    const unread = own.filter((candidate) => probed?.get(candidate) === undefined);
    if (unread.length > 0) {
      const names = listed(unread.map(({ rule: { name: called, line }, file }) => `${called} (${file}:${line})`));
      const missing = promtool === null;
      const why = missing
        ? "promtool is not installed"
        : "its labels cannot be guessed, promtool refuses it, or there are too many";
      const message = `whether ${names} fires when ${demandText(demand, variables)} was not tried: ${why}`;
      notes.push({ kind: missing && !explicit ? "skipped" : "failed", rule, message });
      continue;
    }
    findings.push(missingOf(demand, own, options));
  }
  return { findings, notes, met };
}

function isWanted(probed: Probed | undefined): boolean {
  return probed !== undefined && probed.firesOnBad && !probed.firesOnGood;
}

function nameIn({ rule, file }: Candidate): string {
  return `${file}: ${rule.name}`;
}

/** A few of them: nobody reads five hundred. */
function listed(names: readonly string[]): string {
  const most = 8;
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

function alwaysFires({ rule, file }: Candidate): Finding {
  const message = `${rule.name} fires on a healthy server`;
  return findingAt({ rule: "fires-always", message }, { ...rule.at(0), file });
}

function firesUnset({ rule, file }: Candidate): Finding {
  const message = `${rule.name} fires for ever where maxmemory is not set`;
  return findingAt(
    { rule: "unguarded-divisor", message, fix: "Compare with (redis_memory_max_bytes > 0)" },
    { ...rule.at(0), file },
  );
}

/** At the rule that looks as if it were the one; else at the configuration. */
function missingOf(demand: Demand, own: readonly Candidate[], { variables, place: written }: DemandOptions): Finding {
  const [first] = own;
  const message = `no alert fires when ${demandText(demand, variables)}`;
  if (first === undefined) return findingAt({ rule: "mandatory-missing", message }, written, ["alerts"]);
  const names = listed([...new Set(own.map(({ rule }) => rule.name))]);
  const place = { ...first.rule.at(0), file: first.file };
  return findingAt(
    { rule: "mandatory-missing", message: `${message}: ${names} asks for the metric, and does not` },
    place,
  );
}
