import path from "node:path";
import process from "node:process";
import { exitCode } from "../../exit-code.ts";
import type { Io } from "../../io.ts";
import { makeFolder } from "../../make-folder.ts";
import type { Notes } from "../../notes.ts";
import { describeSystemError, systemCode } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import { ConfigError } from "../config/config-error.ts";
import type { LoadedConfig } from "../config/load.ts";
import { loadConfig } from "../config/load.ts";
import type { Position } from "../finding.ts";
import { writeWhole } from "../write-file.ts";
import { dashboard } from "./dashboard.ts";
import { ruleFile, ruleGroups } from "./prometheus-rules.ts";
import { promtoolTests } from "./promtool-tests.ts";
import type { ChosenAlerts } from "./stage.ts";
import { chooseAlerts } from "./stage.ts";

export interface BuildOptions {
  readonly config: string;
  readonly out?: string | undefined;
  readonly tests?: string | undefined;
  readonly dashboard?: string | undefined;
}

/** Writes the rules and what goes with them. Exit code 2, and nothing written, when the configuration cannot be used. */
export async function buildRules(options: BuildOptions, io: Io, notes: Notes): Promise<number> {
  const loaded = await load(options.config, notes);
  if (loaded === null) return exitCode.usage;
  const { config, chosen } = loaded;
  const { alerts, variables } = chosen;
  const [out, picture] = await Promise.all([
    target(options.out, loaded, "out"),
    target(options.dashboard, loaded, "dashboard"),
  ]);
  if (options.tests !== undefined && out === null) throw new UsageError("--tests needs a file for the rules: --out");
  const rules = ruleFile(ruleGroups(alerts, variables));
  const files = new Map<string, string>();
  if (out !== null) files.set(out, rules);
  if (out !== null && options.tests !== undefined) {
    const tests = path.resolve(options.tests);
    if (tests === out) throw new UsageError("--tests and --out name the same file");
    const relative = path.relative(path.dirname(tests), out).replaceAll(path.sep, "/");
    files.set(tests, promtoolTests(alerts, variables, relative));
  }
  if (picture !== null) files.set(picture, json(dashboard(alerts, variables)));
  for (const [file, text] of files) await write(file, text);
  for (const file of files.keys()) await notes.say(`${path.relative(process.cwd(), file)} written`);
  if (out === null) io.stdout.write(rules);
  await notes.say(`${alerts.length} alerts of the preset ${config.extends.replace("snowshed:", "")}`);
  return exitCode.ok;
}

/** Writes the dashboard alone. */
export async function buildDashboard(options: BuildOptions, io: Io, notes: Notes): Promise<number> {
  const loaded = await load(options.config, notes);
  if (loaded === null) return exitCode.usage;
  const text = json(dashboard(loaded.chosen.alerts, loaded.chosen.variables));
  const file = await target(options.out, loaded, "dashboard");
  if (file === null) io.stdout.write(text);
  else await write(file, text);
  return exitCode.ok;
}

type Loaded = LoadedConfig & { readonly chosen: ChosenAlerts };

async function load(file: string, notes: Notes): Promise<Loaded | null> {
  try {
    const loaded = await loadConfig(file);
    const chosen = chooseAlerts(loaded);
    if (chosen.findings.length === 0) return { ...loaded, chosen };
    await sayAll(chosen.findings, notes);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await sayAll(error.problems, notes);
  }
  return null;
}

async function sayAll(problems: readonly (Position & { readonly message: string })[], notes: Notes): Promise<void> {
  for (const { file, line, column, message } of problems) {
    const place = [file, line, column].filter((each) => each !== null).join(":");
    await notes.say(place === "" ? message : `${place}: ${message}`);
  }
}

/** What the user names on the command line is where they stand; what the configuration names is beside it. */
async function target(given: string | undefined, loaded: Loaded, key: "out" | "dashboard"): Promise<string | null> {
  if (given === "-") return null;
  if (given !== undefined) return path.resolve(given);
  const named = loaded.config.alerts[key];
  return named === undefined ? null : loaded.source.resolveOutput(named, ["alerts", key]);
}

async function write(file: string, text: string): Promise<void> {
  try {
    await makeFolder(path.dirname(file), 0o755);
    await writeWhole(file, text);
  } catch (error) {
    if (systemCode(error) === "") throw error;
    throw new UsageError(`${file} cannot be written: ${describeSystemError(error)}`);
  }
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
