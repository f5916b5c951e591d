import path from "node:path";
import { readFile } from "node:fs/promises";
import { exitCode, exitCodeOfSignal } from "../../exit-code.ts";
import type { Io } from "../../io.ts";
import type { Notes } from "../../notes.ts";
import { describeSystemError } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import { ConfigError } from "../config/config-error.ts";
import { Exceptions } from "../config/exceptions.ts";
import { loadConfig } from "../config/load.ts";
import type { KneeMethod } from "../config/knee-methods.ts";
import { maskText } from "../mask.ts";
import { didYouMean } from "../nearest.ts";
import { rules } from "../rules/index.ts";
import { runStagesOf } from "../run-stages.ts";
import { stagesToRun } from "../stages.ts";
import { writeWhole } from "../write-file.ts";
import { readJournal } from "./capacity-journal.ts";
import { capacityReport } from "./capacity-report.ts";
import type { CapacityResult } from "./capacity-result.ts";
import { resultOf } from "./capacity-result.ts";
import { capacityText } from "./capacity-text.ts";
import type { Measurement } from "./measurement.ts";
import { disturbancesOf } from "./noise.ts";
import { readPoints } from "./points-file.ts";
import { capacityStageWith } from "./stage.ts";

export interface RunCommandOptions {
  readonly names: readonly string[];
  readonly config: string;
  readonly out: string | undefined;
  readonly mode: "resume" | "fresh" | "ask";
  readonly seed: number;
  readonly failOn: "error" | "warning";
  readonly json: boolean;
}

/** `gate capacity run`: the stage alone, with its points on stdout. */
export async function runCommand(options: RunCommandOptions, io: Io, notes: Notes): Promise<number> {
  const { names, out, mode, seed, failOn, json } = options;
  const say = (text: string): Promise<void> => notes.say(maskText(text));
  try {
    const { config, preset, source } = await loadConfig(options.config);
    const known = Object.keys(config.capacity);
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(`there is no capacity "${unknown}" in ${options.config}${didYouMean(unknown, known)}`);
    }
    const results: CapacityResult[] = [];
    const own = capacityStageWith({
      mode,
      seed,
      names: names.length === 0 ? undefined : names,
      out: out === undefined ? undefined : path.resolve(out),
      onResult: (result) => results.push(result),
    });
    const chosen = stagesToRun(config, ["capacity"]).map(({ stage, explicit, refusal }) => ({
      stage,
      explicit,
      refusal,
      load: () => Promise.resolve(own),
    }));
    const now = new Date();
    const signal = io.interrupt ?? new AbortController().signal;
    const shared = { config, preset, source, live: true, env: io.env, now, signal, say };
    const exceptions = new Exceptions(config.exceptions, now, source);
    const [stage] = await runStagesOf(chosen, { shared, known: rules, exceptions, failOn });
    io.stdout.write(json ? `${JSON.stringify(results, null, 2)}\n` : results.map(capacityText).join("\n"));
    for (const { message, rule, status } of stage?.findings ?? []) {
      await say(`${status === "excepted" ? "excepted: " : ""}${rule}: ${message}`);
    }
    for (const { kind, message } of stage?.notes ?? []) {
      if (kind !== "info") await say(message);
    }
    if (signal.aborted) return exitCodeOfSignal(signal.reason);
    return stage === undefined ? exitCode.inconclusive : codeOf(stage.verdict);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { message, file, line, column } of error.problems) {
      await say(`${[file, line, column].filter((part) => part !== null).join(":")}: ${message}`);
    }
    return exitCode.usage;
  }
}

function codeOf(verdict: "pass" | "blocked" | "inconclusive" | "skipped"): number {
  if (verdict === "pass") return exitCode.ok;
  return verdict === "blocked" ? exitCode.failed : exitCode.inconclusive;
}

export interface FitCommandOptions {
  readonly file: string;
  readonly headroom: number;
  readonly tolerance: number;
  readonly minRepetitions: number;
  readonly methods: readonly KneeMethod[] | undefined;
  readonly json: boolean;
}

/** `gate capacity fit`: the judgement alone, of points from anywhere. Nothing is run. */
export async function fitCommand(options: FitCommandOptions, io: Io): Promise<number> {
  const result = await fitted(options);
  io.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : capacityText(result));
  return result.judgement.verdict === "found" ? exitCode.ok : exitCode.inconclusive;
}

/** `gate capacity report`: the page alone. */
export async function reportCommand(
  options: FitCommandOptions & { readonly out: string },
  notes: Notes,
): Promise<number> {
  const result = await fitted(options);
  try {
    await writeWhole(path.resolve(options.out), await capacityReport(result), 0o600);
  } catch (error) {
    await notes.say(`cannot write ${options.out}: ${describeSystemError(error)}`);
    return exitCode.usage;
  }
  return result.judgement.verdict === "found" ? exitCode.ok : exitCode.inconclusive;
}

async function fitted(options: FitCommandOptions): Promise<CapacityResult> {
  const { file, headroom, tolerance, minRepetitions } = options;
  const about = await readAbout(file);
  const isMemory = about.driver === "memory" || about.measurements.every(({ used }) => used !== null);
  const methods = options.methods ?? (isMemory ? ["kneedle", "threshold"] : ["kneedle", "usl"]);
  const calibrations = about.measurements.flatMap(({ calibration }) => calibration ?? []);
  const disturbances = disturbancesOf(calibrations, undefined, undefined);
  const minAgreement = Math.max(2, methods.length);
  return resultOf({ ...about, judging: { headroom, tolerance, minRepetitions, methods, minAgreement, disturbances } });
}

interface About {
  readonly name: string;
  readonly driver: string;
  readonly target: string | null;
  readonly unit: string;
  readonly measurements: readonly Measurement[];
}

async function readAbout(file: string): Promise<About> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${describeSystemError(error)}`);
  }
  if (text.startsWith('{"snowshed":')) {
    const journal = await readJournal(file);
    if (journal !== undefined) return { ...journal.head, measurements: journal.measurements };
  }
  const name = path.basename(file).replace(/\.[^.]*$/, "");
  return { name, driver: "fit", target: null, unit: "load", measurements: readPoints(text, file) };
}
