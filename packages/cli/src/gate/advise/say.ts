import type { GateHost } from "../../commands/gate-tools.ts";
import { UsageError } from "../../usage-error.ts";
import { ConfigError } from "../config/config-error.ts";
import { loadConfig } from "../config/load.ts";
import { didYouMean } from "../nearest.ts";
import { adviceText } from "./advise-text.ts";
import { adviceFor } from "./stage.ts";

export interface AdviceOptions {
  readonly config: string;
  /** Undefined: all. */
  readonly workload: string | undefined;
  readonly explain: boolean;
}

/** Prints what is said of each workload. False when the file cannot be used, which whoever runs the stage then reports. */
export async function sayAdvice(
  { config: file, workload, explain }: AdviceOptions,
  { io }: GateHost,
): Promise<boolean> {
  try {
    const { config, preset } = await loadConfig(file);
    const advice = Object.entries(adviceFor(config, preset));
    const chosen = advice.filter(([name]) => workload === undefined || name === workload);
    if (workload !== undefined && chosen.length === 0) {
      const names = advice.map(([name]) => name);
      const there = names.length === 0 ? "none is declared" : `there are: ${names.join(", ")}`;
      throw new UsageError(`there is no workload "${workload}"${didYouMean(workload, names)}; ${there}`);
    }
    const text = chosen.map(([name, each]) => adviceText(name, each, preset, explain).trimEnd()).join("\n\n");
    if (text !== "") io.stdout.write(`${text}\n\n`);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}
