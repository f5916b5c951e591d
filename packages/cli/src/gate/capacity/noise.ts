import { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { median, spread } from "./statistics.ts";

/** The same work takes this much longer or shorter from one time to the next: the clock of the machine is not its own. */
const mostSpread = 0.15;
/** Share of the processors' time that another guest of the same host got. */
const mostSteal = 0.05;
const turns = 400_000;

/** How long a fixed piece of work takes, in ms: the median of five. On a machine with nothing else to do, always as long. */
function calibrate(): number {
  const times = Array.from({ length: 5 }, () => {
    const begin = performance.now();
    let state = 1;
    for (let turn = 0; turn < turns; turn++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    // The result is used, so that the loop is not left out.
    return performance.now() - begin + (state === 0 ? 1e-9 : 0);
  });
  return median(times);
}

export interface MachineState {
  /** Load average per processor; null where there is none. */
  readonly load: number | null;
  /** In ticks since the start of the machine. */
  readonly steal: number;
  readonly ticks: number;
}

/** What the load comes from. */
export interface Machine {
  readonly calibrate: () => number;
  readonly state: () => Promise<MachineState>;
}

export const thisMachine: Machine = { calibrate, state: machineState };

async function machineState(): Promise<MachineState> {
  const [load = 0] = loadavg();
  const stat = await readFile("/proc/stat", "utf8").catch(() => "");
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "").split(" ").map(Number);
  // user nice system idle iowait irq softirq steal; guest time is part of user.
  return {
    load: load === 0 ? null : load / availableParallelism(),
    steal: ticks[7] ?? 0,
    ticks: ticks.slice(0, 8).reduce((sum, value) => sum + value, 0),
  };
}

/** What is wrong with the machine the load came from; empty: nothing that is seen. */
export function disturbancesOf(
  calibrations: readonly number[],
  before: MachineState | undefined,
  after: MachineState | undefined,
): string[] {
  const disturbances: string[] = [];
  const deviation = calibrations.length < 3 ? 0 : spread(calibrations) / median(calibrations);
  if (deviation > mostSpread) {
    disturbances.push(`the machine was not quiet: a loop of fixed work is spread by ${percent(deviation)}`);
  }
  if (before?.load !== undefined && before.load !== null && before.load > 1) {
    disturbances.push(`the machine was busy before the run: ${before.load.toFixed(1)} tasks for each processor`);
  }
  if (before !== undefined && after !== undefined && after.ticks > before.ticks) {
    const stolen = (after.steal - before.steal) / (after.ticks - before.ticks);
    if (stolen > mostSteal) disturbances.push(`the host gave ${percent(stolen)} of the processors' time to others`);
  }
  return disturbances;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
