import { readFileSync } from "node:fs";
import { exitCode, exitCodeOfSignal } from "../exit-code.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { ConfigError } from "./config/config-error.ts";
import { Exceptions } from "./config/exceptions.ts";
import type { LoadedConfig } from "./config/load.ts";
import { loadConfig } from "./config/load.ts";
import { findingsOfExceptions, findingsOfProblems } from "./config/stage.ts";
import type { GateRunOptions } from "./gate-options.ts";
import { mask, maskText } from "./mask.ts";
import type { GateReport, ReportedStage } from "./report/gate-report.ts";
import { countFindings, placeOf } from "./report/gate-report.ts";
import { parseOutputs, writeOutputs } from "./report/outputs.ts";
import type { Rule } from "./rule.ts";
import type { StageNote } from "./run.ts";
import { rules } from "./rules/index.ts";
import { runStagesOf } from "./run-stages.ts";
import { stagesToRun } from "./stages.ts";
import { verdictOf } from "./verdict.ts";

/** Mistakes of a file on stderr: one that has more is the wrong file. */
const mostShown = 100;

/** Loads, runs the stages, writes every report, and answers the exit code. */
export async function runGate(options: GateRunOptions, io: Io, notes: Notes): Promise<number> {
  const outputs = await parseOutputs(options.output ?? [], options.config);
  const report = await gate(options, io, notes);
  if (report.verdict === "invalid") {
    const problems = report.stages.flatMap(({ findings }) => findings);
    for (const finding of problems.slice(0, mostShown)) {
      const place = placeOf(finding);
      await notes.say(place === "" ? finding.message : `${place}: ${finding.message}`);
    }
    if (problems.length > mostShown) await notes.say(`and ${problems.length - mostShown} more; --output json has all`);
  }
  // Said above already, on stderr.
  const wanted = report.verdict === "invalid" ? outputs.filter(({ format }) => format !== "terminal") : outputs;
  const problems = await writeOutputs(report, wanted, { io, quiet: options.quiet === true });
  for (const problem of problems) await notes.say(problem);
  // A pipeline that reads the report must not take its absence for a pass.
  return report.exitCode === exitCode.ok && problems.length > 0 ? exitCode.inconclusive : report.exitCode;
}

/** One run, from file to report. Nothing is written. @internal */
export async function gate(
  options: GateRunOptions,
  io: Io,
  notes: Notes,
  known: readonly Rule[] = rules,
): Promise<GateReport> {
  const startedAt = new Date();
  const begun = performance.now();
  const base = { startedAt: startedAt.toISOString(), config: options.config, failOn: options.failOn, known };
  try {
    const loaded = await loadConfig(options.config);
    const { stages, verdict, code, exceptions } = await run(loaded, options, { io, notes, now: startedAt, known });
    const { source, preset, config } = loaded;
    const about = { config: source.file, preset: preset.name, environment: config.environment ?? null };
    return assemble({ ...base, ...about, verdict, exitCode: code, stages, exceptions }, begun);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = findingsOfProblems(error);
    const stage = {
      stage: "config",
      verdict: "blocked",
      durationMs: 0,
      asked: [],
      findings,
      notes: [],
      facts: {},
    } as const;
    const about = { preset: null, environment: null, stages: [stage], exceptions: [] };
    return assemble({ ...base, ...about, verdict: "invalid", exitCode: exitCode.usage }, begun);
  }
}

type Parts = Omit<GateReport, "schema" | "tool" | "durationMs" | "counts" | "rules"> & {
  readonly known: readonly Rule[];
};

/** The passwords go here, before any format is made: whatever a stage put in its messages. */
function assemble({ known, ...parts }: Parts, begun: number): GateReport {
  return {
    schema: "snowshed.gate/1",
    tool: { name: "snowshed", version: version() },
    ...mask(parts),
    durationMs: Math.round(performance.now() - begun),
    counts: countFindings(parts.stages.flatMap(({ findings }) => findings)),
    rules: known.map(({ meta }) => meta),
  };
}

interface Outcome {
  readonly stages: readonly ReportedStage[];
  readonly verdict: GateReport["verdict"];
  readonly code: number;
  readonly exceptions: GateReport["exceptions"];
}

interface Surroundings {
  readonly io: Io;
  readonly notes: Notes;
  readonly now: Date;
  readonly known: readonly Rule[];
}

async function run(loaded: LoadedConfig, options: GateRunOptions, surroundings: Surroundings): Promise<Outcome> {
  const { io, notes, now, known } = surroundings;
  const { config, preset, source } = loaded;
  const exceptions = new Exceptions(config.exceptions, now, source);
  const signal = io.interrupt ?? new AbortController().signal;
  const { live = false, settings, failOn, only } = options;
  const say = options.quiet === true ? async () => {} : (text: string) => notes.say(maskText(text));
  const shared = { config, preset, source, live, settings, env: io.env, now, signal, say };
  const chosen = stagesToRun(config, only);
  const stages = await runStagesOf(chosen, { shared, known, exceptions, failOn });
  const ran = new Set<string>(stages.filter(({ verdict }) => verdict !== "skipped").map(({ stage }) => stage));
  const states = exceptions.states();
  const findings = findingsOfExceptions(states, source, { ruleIds: known.map(({ meta }) => meta.id), ran });
  const judgedNothing = stages.every(({ verdict }) => verdict === "skipped") && !signal.aborted;
  const ownNotes = judgedNothing ? [nothingJudged] : [];
  const verdict = verdictOf(findings, ownNotes, failOn);
  const own = { stage: "config", verdict, durationMs: 0, asked: [], findings, notes: ownNotes, facts: {} } as const;
  const all = [own, ...stages];
  const interrupted = signal.aborted;
  const verdicts = new Set(all.map((stage) => stage.verdict));
  const total = verdicts.has("blocked") ? "blocked" : verdicts.has("inconclusive") ? "inconclusive" : "pass";
  const code = { blocked: exitCode.failed, inconclusive: exitCode.inconclusive, pass: exitCode.ok }[total];
  return {
    stages: all,
    verdict: interrupted ? "interrupted" : total,
    code: interrupted ? exitCodeOfSignal(signal.reason) : code,
    exceptions: states,
  };
}

/** Sections that are all comments look like this, too: a pipeline must not take it for a pass. */
const nothingJudged: StageNote = {
  kind: "failed",
  rule: null,
  message:
    "nothing was judged: every stage was skipped, and says why; there are no workloads, connections, kernel, files or alerts",
};

/** Of this package. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
