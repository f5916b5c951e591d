import type { ExperimentConfig } from "../config/chaos-section.ts";
import { ConfigError } from "../config/config-error.ts";
import type { ConfigSource } from "../config/load.ts";
import type { Config } from "../config/config.ts";
import { checkRules } from "../check-rules.ts";
import type { Fact } from "../facts.ts";
import { refusalIn } from "../production.ts";
import type { StageContext, StageNote, StageResult, StageRunner } from "../run.ts";
import type { EngineContext } from "./engines/engine.ts";
import type { ExperimentResult, PlannedExperiment } from "./experiment.ts";
import { planExperiment, runExperiment } from "./experiment.ts";
import type { ChaosLock } from "./lock.ts";
import { lockChaos } from "./lock.ts";
import { listJournals, stateFolder, stateProblem } from "./journal.ts";
import type { ProbeContext } from "./probes/probe.ts";
import { reasonOf } from "./probes/probe.ts";
import { AllowList, ChaosRefusal } from "./targets.ts";

type Env = StageContext["env"];

/** The experiments of the file, one after the other; a fault is never injected before the last has been taken back. */
export const chaosStage: StageRunner = {
  stage: "chaos",
  run: async (context) => {
    const { config, source, env, settings } = context;
    const wanted = settings?.["experiments"] as readonly string[] | undefined;
    const experiments = chosen(config, source, wanted);
    if (experiments.length === 0) return result("skipped", [note("skipped", "the file has no chaos.experiments")]);
    // The gate does not even begin it there; whoever else does must not either.
    const refusal = refusalIn(config.environment);
    if (refusal !== undefined) return result("inconclusive", [note("failed", refusal)]);
    // All of them before the first: a slip in the last is not to be found when something is broken already.
    for (const each of experiments) await planned(each, context).catch(ignoreState);
    let lock: ChaosLock;
    try {
      lock = await lockChaos(stateFolder(env));
    } catch (error) {
      const problem = error instanceof ChaosRefusal ? error.message : stateProblem(stateFolder(env), error);
      if (problem === undefined) throw error;
      return result("inconclusive", [note("failed", problem)]);
    }
    try {
      const left = await listJournals(stateFolder(env));
      if (left.length > 0) {
        const message = `faults of an earlier run may still be there (${left.join(", ")}): run snowshed gate chaos heal`;
        return result("inconclusive", [note("failed", message)]);
      }
      return await runAll(experiments, context);
    } finally {
      await lock.release();
    }
  },
};

/** What is wrong with the world, not with the file, is found again when the experiment runs. */
function ignoreState(error: unknown): void {
  if (error instanceof ConfigError) throw error;
}

async function runAll(experiments: readonly ExperimentConfig[], context: StageContext): Promise<StageResult> {
  const results: ExperimentResult[] = [];
  const notes: StageNote[] = [];
  for (const each of experiments) {
    if (context.signal.aborted) {
      notes.push(note("failed", `${each.id}: it was interrupted before it began`));
      break;
    }
    const done = await runOne(each, context);
    results.push(done);
    await context.say(`${done.id}: ${done.message}`);
    if (done.outcome === "recovered") notes.push(note("info", `${done.id}: ${done.message}`));
    else if (done.outcome === "engine-missing" && !context.explicit)
      notes.push(note("skipped", `${done.id}: ${done.message}`));
    else if (!blocking.has(done.outcome)) notes.push(note("failed", `${done.id}: ${done.message}`));
    // Nothing more is to be injected beside what could not be taken back.
    if (done.outcome === "not-healed") break;
  }
  const { source } = context;
  const live = results.map(({ id, outcome, message }): Fact => {
    const index = context.config.chaos.experiments!.findIndex((each) => each.id === id);
    return {
      subject: "chaos",
      name: id,
      value: `${outcome}: ${message}`,
      ...source.position(["chaos", "experiments", index]),
    };
  });
  const { config, preset, rules } = context;
  const checked = await checkRules(rules, { config, preset, source, live });
  const all = [...notes, ...checked.notes];
  const isSkipped = results.every(({ outcome }) => outcome === "engine-missing") && !context.explicit;
  const verdict = checked.findings.some(({ severity }) => severity === "error")
    ? "blocked"
    : all.some(({ kind }) => kind === "failed")
      ? "inconclusive"
      : isSkipped
        ? "skipped"
        : "pass";
  return { stage: "chaos", verdict, findings: checked.findings, notes: all, facts: { experiments: results } };
}

/** Those that rules report; what else is no pass could not be judged. */
const blocking: ReadonlySet<string> = new Set(["not-recovered", "aborted", "not-healed"]);

async function runOne(config: ExperimentConfig, context: StageContext): Promise<ExperimentResult> {
  try {
    // Anew: what leads now is what is to be hit.
    const plan = await planned(config, context);
    const { signal, say } = context;
    return await runExperiment(plan, { ...engineContext(config, context), signal, say: (text) => say(text) });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const message = `nothing was injected: ${reasonOf(error)}`;
    const nothing = { fault: "", recoveredAfterMs: null, notHealed: [], observations: [] };
    return { id: config.id, outcome: "injection", message, ...nothing };
  }
}

interface Planning {
  readonly config: Config;
  readonly source: ConfigSource;
  readonly env: Env;
}

function engineContext({ id }: ExperimentConfig, { config, source, env }: Planning): EngineContext & ProbeContext {
  return { experiment: id, allowed: new AllowList(config.chaos.targets), env, folder: source.folder };
}

/** @throws ConfigError with the place of the experiment, for what is not allowed or no fault. */
export async function planned(config: ExperimentConfig, context: Planning): Promise<PlannedExperiment> {
  try {
    return await planExperiment(config, engineContext(config, context));
  } catch (error) {
    if (!(error instanceof ChaosRefusal)) throw error;
    const path = ["chaos", "experiments", context.config.chaos.experiments!.indexOf(config)];
    const message = `${config.id}: ${error.message}`;
    throw new ConfigError([{ kind: "invalid-value", message, path, ...context.source.position(path) }]);
  }
}

/** The experiments of the file, or those that are named. */
export function chosen(
  config: Config,
  source: ConfigSource,
  names: readonly string[] | undefined,
): readonly ExperimentConfig[] {
  const all = config.chaos.experiments ?? [];
  const twice = all.find(({ id }, index) => all.findIndex((each) => each.id === id) !== index);
  const unknown = names?.find((name) => !all.some(({ id }) => id === name));
  const message =
    twice !== undefined
      ? `there are two experiments ${twice.id}`
      : unknown !== undefined
        ? `there is no experiment ${unknown}; there are: ${all.map(({ id }) => id).join(", ")}`
        : null;
  const path = ["chaos", "experiments"];
  if (message !== null) throw new ConfigError([{ kind: "invalid-value", message, path, ...source.position(path) }]);
  return all.filter(({ id }) => names?.includes(id) ?? true);
}

function note(kind: StageNote["kind"], message: string): StageNote {
  return { kind, rule: null, message };
}

function result(verdict: StageResult["verdict"], notes: readonly StageNote[]): StageResult {
  return { stage: "chaos", verdict, findings: [], notes, facts: {} };
}
