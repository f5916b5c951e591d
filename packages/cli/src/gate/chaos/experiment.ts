import { setTimeout as sleep } from "node:timers/promises";
import type { ExperimentConfig, ProbeConfig } from "../config/chaos-section.ts";
import type { Engine, EngineContext, PlannedFault } from "./engines/engine.ts";
import { engines } from "./engines/index.ts";
import { heal, stateFolder, writeJournal } from "./journal.ts";
import type { BoundProbe } from "./probes/index.ts";
import { makeProbe } from "./probes/index.ts";
import type { ProbeContext, Sample } from "./probes/probe.ts";
import { holds, reasonOf } from "./probes/probe.ts";
import { Fields } from "./probes/fields.ts";
import { Deadline } from "./deadline.ts";
import { ChaosRefusal } from "./targets.ts";
import { startWatchdog } from "./watchdog.ts";

/** Why an experiment ended as it did. Only `recovered` is a pass. */
export type Outcome =
  | "recovered"
  | "not-recovered"
  | "aborted"
  | "not-healed"
  | "fault-not-seen"
  | "steady-state"
  | "injection"
  | "engine-missing"
  | "interrupted";

export interface Observation {
  readonly phase: "before" | "fault" | "after";
  readonly probe: string;
  readonly atMs: number;
  readonly ok: boolean;
  readonly value: number | null;
  readonly detail: string;
}

export interface ExperimentResult {
  readonly id: string;
  readonly outcome: Outcome;
  /** In a sentence, for a report. */
  readonly message: string;
  readonly fault: string;
  /** From the end of the fault, or from the injection with `duringFault`; null when it did not. */
  readonly recoveredAfterMs: number | null;
  /** What is still there after all, for `heal`. */
  readonly notHealed: readonly string[];
  readonly observations: readonly Observation[];
}

/** An experiment whose words have all been checked. */
export interface PlannedExperiment {
  readonly config: ExperimentConfig;
  readonly missing: string | null;
  readonly fault: PlannedFault;
  readonly steadyState: readonly BoundProbe[];
  readonly faultSeen: BoundProbe;
  readonly expect: readonly BoundProbe[];
  readonly abortWhen: BoundProbe | null;
  readonly settleMs: number;
  readonly probeEveryMs: number;
  /** Recovery is asked for while the fault lasts. */
  readonly isDuringFault: boolean;
}

/** Of each probe; the fault may last for hours. */
const mostObservations = 500;

/** @throws ChaosRefusal for what cannot be or is not allowed. Nothing is injected. */
export async function planExperiment(
  config: ExperimentConfig,
  context: EngineContext & ProbeContext,
): Promise<PlannedExperiment> {
  const engine: Engine = engines[config.fault.engine];
  const own = ["settleS", "probeEveryMs", "duringFault"] as const;
  const fields = new Fields(
    Object.fromEntries(own.map((key) => [key, config.fault[key]])),
    `the fault of ${config.id}`,
  );
  const make = (probe: ProbeConfig): BoundProbe => makeProbe(probe, context);
  return {
    config,
    missing: await engine.missing(config.fault, context),
    fault: await engine.plan(config.fault, context),
    steadyState: config.steadyState.map(make),
    faultSeen: make(config.faultSeen),
    expect: config.recover.expect
      .flatMap((each) => (typeof each === "string" ? named(each, config) : [each]))
      .map(make),
    abortWhen: config.abortWhen === undefined ? null : make(config.abortWhen),
    settleMs: fields.number("settleS", 10) * 1000,
    probeEveryMs: Math.max(10, fields.number("probeEveryMs", 500)),
    isDuringFault: fields.flag("duringFault"),
  };
}

/** `steady-state` is all of it; another word is a probe of it by its name or kind, or a kind that asks the same group. */
function named(word: string, { steadyState, id }: ExperimentConfig): readonly ProbeConfig[] {
  if (word === "steady-state") return steadyState;
  const found = steadyState.filter(({ probe, name }) => name === word || probe === word);
  if (found.length > 0) return found;
  const group = steadyState.find((each) => each["group"] !== undefined && each["brokers"] !== undefined);
  if (group !== undefined && (word === "group-stable" || word === "lag-decreasing" || word === "consumer-progress")) {
    const { brokers, group: name, topic, timeoutMs, overMs } = group;
    const copied = Object.entries({ brokers, group: name, topic, timeoutMs, overMs });
    return [{ probe: word, ...Object.fromEntries(copied.filter(([, value]) => value !== undefined)) }];
  }
  throw new ChaosRefusal(`${id}: recover expects ${JSON.stringify(word)}, which is no probe of its steady state`);
}

/** Runs one. Whatever happens, the fault is taken back before this resolves, or the result says that it is not. */
export async function runExperiment(plan: PlannedExperiment, context: RunContext): Promise<ExperimentResult> {
  const run = new ExperimentRun(plan, context);
  const probes = [
    ...plan.steadyState,
    plan.faultSeen,
    ...plan.expect,
    ...(plan.abortWhen === null ? [] : [plan.abortWhen]),
  ];
  try {
    return await run.go();
  } finally {
    await Promise.all([plan.fault.close(), ...probes.map(({ probe }) => probe.close())]);
  }
}

interface RunContext extends EngineContext {
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
  readonly say: (text: string) => Promise<void>;
}

class ExperimentRun {
  readonly #plan: PlannedExperiment;
  readonly #context: RunContext;
  readonly #observations: Observation[] = [];
  readonly #counts = new Map<string, number>();
  readonly #start = performance.now();
  #recoveredAfterMs: number | null = null;
  #wasSeen = false;
  #aborted: string | null = null;

  constructor(plan: PlannedExperiment, context: RunContext) {
    this.#plan = plan;
    this.#context = context;
  }

  async go(): Promise<ExperimentResult> {
    const { missing, fault, config } = this.#plan;
    const { signal, env, say } = this.#context;
    if (missing !== null) return this.#result("engine-missing", missing);
    try {
      await fault.prepare();
    } catch (error) {
      if (error instanceof ChaosRefusal) throw error;
      return this.#result("injection", `nothing was injected: ${reasonOf(error)}`);
    }
    const broken = await this.#steadyState();
    if (signal.aborted) return this.#result("interrupted", "it was interrupted before the fault");
    if (broken !== null) return this.#result("steady-state", `nothing was injected: ${broken}`);

    const folder = stateFolder(env);
    // On the disk before the fault, and watched by a process that survives this one.
    const journal = await writeJournal(folder, config.id, fault.description, fault.undo);
    let notHealed: readonly string[] = [];
    let injection: string | null = null;
    try {
      const durationMs = config.fault.durationS * 1000;
      const watchdog = await startWatchdog(journal, (fault.slowestMs ?? 0) + durationMs + 60_000, env);
      try {
        await say(`${config.id}: ${fault.description}, for ${config.fault.durationS} s`);
        injection = await fault.inject().then(() => null, reasonOf);
        if (injection === null) await this.#underFault(durationMs);
      } finally {
        await fault.heal();
        notHealed = (await heal(journal, env, fault.undo)).failures;
        await watchdog.dismiss();
      }
    } catch (error) {
      // Before the injection: there is nothing to undo, and what is undone twice does no harm.
      injection ??= reasonOf(error);
      notHealed = (await heal(journal, env, fault.undo)).failures;
    }
    if (notHealed.length > 0) {
      return this.#result(
        "not-healed",
        `the fault is still there: ${notHealed.join("; ")}. Run: snowshed gate chaos heal`,
        notHealed,
      );
    }
    if (injection !== null) return this.#result("injection", `the fault could not be injected: ${injection}`);
    if (signal.aborted) return this.#result("interrupted", "it was interrupted, and the fault is taken back");
    return this.#judge();
  }

  async #judge(): Promise<ExperimentResult> {
    const { config, faultSeen, isDuringFault } = this.#plan;
    const { withinS } = config.recover;
    if (this.#aborted !== null)
      return this.#result("aborted", `the abort condition was met, and the fault taken back: ${this.#aborted}`);
    const healed = performance.now();
    const last = isDuringFault ? null : await this.#recovery(healed, "after", this.#context.signal);
    if (this.#context.signal.aborted)
      return this.#result("interrupted", "it was interrupted, and the fault is taken back");
    // What was to happen during the fault was not waited for.
    if (!this.#wasSeen && (isDuringFault || this.#recoveredAfterMs !== null)) {
      return this.#result("fault-not-seen", `${faultSeen.probe.name} did not see the fault, so nothing was tested`);
    }
    const from = isDuringFault ? "of the injection, with the fault there" : "of the end of the fault";
    if (this.#recoveredAfterMs === null) {
      const seen = this.#wasSeen ? "" : ` (${faultSeen.probe.name} did not see the fault)`;
      return this.#result(
        "not-recovered",
        `not recovered within ${withinS} s ${from}${last === null ? "" : `: ${last}`}${seen}`,
      );
    }
    return this.#result(
      "recovered",
      `recovered ${seconds(this.#recoveredAfterMs)} s after the ${isDuringFault ? "injection" : "end of the fault"} (limit ${withinS} s)`,
    );
  }

  /** Waits until all holds; resolves with null, or with what does not when the time is over. */
  async #steadyState(): Promise<string | null> {
    const { steadyState, faultSeen, settleMs } = this.#plan;
    const { signal } = this.#context;
    const end = performance.now() + settleMs;
    for (;;) {
      const broken = await this.#firstBroken(steadyState, "before", signal);
      const reason = broken === null ? await this.#cannotAbort() : `the steady state does not hold: ${broken}`;
      if (reason === null) break;
      if (signal.aborted || performance.now() > end) return reason;
      await this.#pause(250, signal);
    }
    const sample = await this.#sample(faultSeen, "before", signal);
    // It would be "seen" whatever is injected.
    if (!holds(faultSeen.bounds, sample)) return null;
    return `${faultSeen.probe.name} sees a fault already: ${sample.detail}`;
  }

  /** A fault that nothing could end early is not begun. */
  async #cannotAbort(): Promise<string | null> {
    const { abortWhen } = this.#plan;
    if (abortWhen === null) return null;
    const sample = await this.#sample(abortWhen, "before", this.#context.signal);
    const said = `${abortWhen.probe.name}: ${sample.detail}`;
    if (holds(abortWhen.bounds, sample)) return `the abort condition is met already: ${said}`;
    return sample.ok || abortWhen.bounds.fails === true ? null : `the abort condition cannot be asked: ${said}`;
  }

  async #firstBroken(
    probes: readonly BoundProbe[],
    phase: Observation["phase"],
    signal: AbortSignal,
  ): Promise<string | null> {
    const samples = await Promise.all(probes.map((each) => this.#sample(each, phase, signal)));
    const index = samples.findIndex((sample, at) => !holds(probes[at]!.bounds, sample));
    return index === -1 ? null : `${probes[index]!.probe.name}: ${samples[index]!.detail}`;
  }

  /** Looks until the time is over, or something ends it before. */
  async #underFault(durationMs: number): Promise<void> {
    const { faultSeen, abortWhen, steadyState, isDuringFault, probeEveryMs } = this.#plan;
    const injected = performance.now();
    const over = new Deadline(this.#context.signal, durationMs);
    const { signal } = over;
    const loop = async (each: BoundProbe, look: (sample: Sample) => void): Promise<void> => {
      while (!signal.aborted) {
        const sample = await this.#sample(each, "fault", signal);
        if (!this.#context.signal.aborted) look(sample);
        await this.#pause(probeEveryMs, signal);
      }
    };
    const loops = steadyState.map((each) => loop(each, () => {}));
    loops.push(loop(faultSeen, (sample) => void (this.#wasSeen ||= holds(faultSeen.bounds, sample))));
    if (abortWhen !== null) {
      const look = (sample: Sample): void => {
        if (!holds(abortWhen.bounds, sample)) return;
        this.#aborted = `${abortWhen.probe.name}: ${sample.detail}`;
        over.end();
      };
      loops.push(loop(abortWhen, look));
    }
    if (isDuringFault) {
      const recovery = async (): Promise<void> => {
        while (!this.#wasSeen && !signal.aborted) await this.#pause(50, signal);
        await this.#recovery(injected, "fault", signal);
        over.end();
      };
      loops.push(recovery());
    }
    try {
      await Promise.all(loops);
    } finally {
      over.end();
    }
  }

  /** Until all that is expected holds at once; resolves with what did not, when the time is over. */
  async #recovery(since: number, phase: Observation["phase"], signal: AbortSignal): Promise<string | null> {
    const { config, expect, probeEveryMs } = this.#plan;
    const left = since + config.recover.withinS * 1000 - performance.now();
    const deadline = new Deadline(signal, left);
    const both = deadline.signal;
    let last = "nothing was answered in time";
    while (!both.aborted) {
      const broken = await this.#firstBroken(expect, phase, both);
      if (broken === null) {
        this.#recoveredAfterMs = performance.now() - since;
        deadline.end();
        return null;
      }
      if (!both.aborted) last = broken;
      await this.#pause(Math.min(probeEveryMs, 250), both);
    }
    return last;
  }

  async #sample({ probe }: BoundProbe, phase: Observation["phase"], signal: AbortSignal): Promise<Sample> {
    const sample = await probe.sample(signal);
    const count = (this.#counts.get(probe.name) ?? 0) + 1;
    this.#counts.set(probe.name, count);
    const { ok, value, detail } = sample;
    const atMs = Math.round(performance.now() - this.#start);
    if (count <= mostObservations) this.#observations.push({ phase, probe: probe.name, atMs, ok, value, detail });
    return sample;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {});
  }

  #result(outcome: Outcome, message: string, notHealed: readonly string[] = []): ExperimentResult {
    const recoveredAfterMs = this.#recoveredAfterMs === null ? null : Math.round(this.#recoveredAfterMs);
    const { config, fault } = this.#plan;
    const rest = { fault: fault.description, recoveredAfterMs, notHealed, observations: this.#observations };
    return { id: config.id, outcome, message, ...rest };
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
