import process from "node:process";
import { installDeadlockDetector } from "./diagnostics/deadlock-detector.ts";
import { enable } from "./diagnostics/enable.ts";
import { listen } from "./diagnostics/listen.ts";
import type { Preset } from "./diagnostics/monitor.ts";
import { installSignalDump } from "./diagnostics/signal-dump.ts";

// `node --import snowshed/register app.js`: what is watched, and how it can be looked at, without a line in the program.
// SNOWSHED names it, separated by commas: a preset (production, development, test), and of deadlock, dump and listen
// those that are wanted. Without a preset it is production; with nothing, production and all three; `off` is none.
// Nothing that fails here may keep the program from running.

const presets: readonly string[] = ["production", "development", "test"] satisfies Preset[];
const parts: Readonly<Record<string, () => unknown>> = {
  deadlock: () => installDeadlockDetector(),
  dump: () => installSignalDump(),
  listen: () => listen().catch(report),
};

function start(setting: string): void {
  const words = setting.split(/[\s,]+/).filter((word) => word !== "");
  if (words.includes("off")) return;
  for (const word of words) {
    if (!presets.includes(word) && !Object.hasOwn(parts, word)) report(new Error(`${JSON.stringify(word)} is unknown`));
  }
  const preset = words.find((word) => presets.includes(word)) ?? "production";
  enable(preset as Preset);
  const wanted = words.length === 0 ? Object.keys(parts) : words;
  for (const [name, install] of Object.entries(parts)) if (wanted.includes(name)) install();
}

function report(error: unknown): void {
  const message = `snowshed/register: ${error instanceof Error ? error.message : String(error)}`;
  process.emitWarning(message, { type: "SnowshedWarning", code: "SNOWSHED_DIAGNOSTICS" });
}

try {
  start(process.env["SNOWSHED"] ?? "");
} catch (error) {
  report(error);
}
