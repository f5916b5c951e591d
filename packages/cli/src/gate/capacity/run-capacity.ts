import path from "node:path";
import { makeFolder } from "../../make-folder.ts";
import { describeSystemError } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import type { CapacityConfig } from "../config/capacity-section.ts";
import type { JournalHead } from "./capacity-journal.ts";
import { CapacityJournal } from "./capacity-journal.ts";
import type { CapacityResult } from "./capacity-result.ts";
import { resultOf } from "./capacity-result.ts";
import { removeResult, writeResult } from "./result-files.ts";
import type { Driver } from "./drivers/driver.ts";
import { makeDriver } from "./drivers/make-driver.ts";
import type { Machine } from "./noise.ts";
import { disturbancesOf, thisMachine } from "./noise.ts";
import { loadsOf, planOf, runRamp } from "./ramp.ts";
import { isAllowed, maskedTarget, parseTarget } from "./target.ts";

export interface CapacityRunOptions {
  readonly name: string;
  readonly config: CapacityConfig;
  /** Share that stays free, if the configuration of the run has none. */
  readonly headroom: number;
  /** Allowed targets; undefined: this machine. */
  readonly targets: readonly string[] | undefined;
  /** Where the results go; made when it is not there. */
  readonly out: string;
  /** Where programs are looked for in node_modules, upwards. */
  readonly folder: string;
  readonly mode: "resume" | "fresh" | "ask";
  readonly seed: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly say: (text: string) => Promise<void>;
  /** Default: this one. */
  readonly machine?: Machine | undefined;
}

const defaultStepSeconds = 5;

/**
 * Measures one ramp and judges it. Each measurement is in the journal as soon as it is there, so that a run that is
 * stopped can be continued; then what the signal says is thrown.
 * @throws CapacityFailure when it cannot be measured, UsageError when it must not be.
 */
export async function runCapacity(options: CapacityRunOptions): Promise<CapacityResult> {
  const { name, config, out, mode, seed, signal, say, machine = thisMachine } = options;
  const url = parseTarget(config.target, config.driver);
  const target = maskedTarget(url);
  if (!isAllowed(url, options.targets)) {
    throw new UsageError(`${target} is not in chaos.targets: add it if load may be put on it`);
  }
  const { stepSeconds = defaultStepSeconds, valueBytes, confirm = false } = config;
  const { driver: kind } = config;
  const driver = await makeDriver({ ...options, driver: kind, url, stepSeconds, valueBytes, confirm });
  const before = await machine.state();
  try {
    await driver.open(signal);
    await makeFolder(out, 0o777).catch((error: unknown) => {
      throw new UsageError(`cannot make ${out}: ${describeSystemError(error)}`);
    });
    const loads = loadsOf(config);
    const { reps: repetitions } = config.ramp;
    const about = { name, driver: kind, target, unit: driver.unit, loads, repetitions, stepSeconds };
    const head: JournalHead = { snowshed: "capacity/1", ...about, valueBytes: valueBytes ?? null, seed };
    const journal = await CapacityJournal.open(path.join(out, `${name}.ndjson`), head, mode);
    try {
      await removeResult(out, name);
      await measure(driver, journal, { signal, say, calibrate: machine.calibrate });
    } finally {
      await journal.close();
    }
    const { measurements } = journal;
    const calibrations = measurements.flatMap(({ calibration }) => calibration ?? []);
    const disturbances = disturbancesOf(calibrations, before, await machine.state());
    const { knee, headroom = options.headroom } = config;
    const judging = { ...knee, tolerance: knee.tolerance ?? 0.2, headroom, minRepetitions: 5, disturbances };
    const result = resultOf({ ...about, measurements, judging });
    await writeResult(out, result);
    return result;
  } finally {
    await driver.close();
  }
}

async function measure(
  driver: Driver,
  journal: CapacityJournal,
  { signal, say, calibrate }: Pick<CapacityRunOptions, "signal" | "say"> & Pick<Machine, "calibrate">,
): Promise<void> {
  const { name, loads, repetitions, seed } = journal.head;
  const plan = planOf(loads, repetitions, driver.order, seed);
  // The first turns of a loop are slow: it is compiled while it runs.
  for (let turn = 0; turn < 5; turn++) calibrate();
  let told = 0;
  await runRamp({
    driver,
    plan,
    signal,
    calibrate,
    done: [...journal.measurements],
    keep: async (measurement) => {
      await journal.append(measurement);
      const { repetition, invalid, load } = measurement;
      if (invalid !== null) await say(`${name}: load ${load} does not count: ${invalid}`);
      if (repetition > told) await say(`${name}: repetition ${repetition} of ${repetitions}`);
      told = Math.max(told, repetition);
    },
  });
}
