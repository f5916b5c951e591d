import { Command, InvalidArgumentError, Option } from "../commander.ts";
import type { FitCommandOptions } from "../gate/capacity/capacity-command.ts";
import type { KneeMethod } from "../gate/config/knee-methods.ts";
import { kneeMethods } from "../gate/config/knee-methods.ts";
import { UsageError } from "../usage-error.ts";
import type { GateHost } from "./gate-tools.ts";
import { count, share } from "./option-values.ts";

const epilogue = `
What is measured stands in the section \`capacity\` of the configuration. Results are put into snowshed-capacity beside it:
<name>.ndjson (every measurement), <name>.json, <name>.html (plots), and, when there is a number, <name>.rules.yml (the
alert for Prometheus).

Exit codes: 0 a capacity was found, and is enough; 1 it is not; 2 wrong usage or configuration; 3 inconclusive: what was
measured does not give a number; 130 Ctrl-C, what was measured is kept for --resume.

Examples:
  snowshed gate capacity run                      # all of snowshed.yaml
  snowshed gate capacity run redis --resume       # goes on where it was stopped
  snowshed gate capacity fit points.csv           # load,throughput: a line for each measurement
  snowshed gate capacity report points.csv -o capacity.html
`;

interface RunFlags {
  readonly config: string;
  readonly out?: string;
  readonly resume?: boolean;
  readonly fresh?: boolean;
  readonly seed: number;
  readonly failOn: "error" | "warning";
  readonly json?: boolean;
}

interface FitFlags {
  readonly headroom: number;
  readonly tolerance: number;
  readonly minReps: number;
  readonly methods?: readonly KneeMethod[];
  readonly json?: boolean;
}

/** `snowshed gate capacity`. */
export function capacityCommand(host: GateHost): Command {
  const { io, notes, done } = host;
  const capacity = new Command("capacity").addHelpText("after", epilogue);
  capacity
    .command("run")
    .description("Put load on what the configuration names, and judge it.")
    .argument("[names...]", "of the section capacity; default: all")
    .option("-c, --config <file>", "the configuration", "snowshed.yaml")
    .option("--out <folder>", "where the results go; default: snowshed-capacity, beside the configuration")
    .option("--resume", "go on with a run that was stopped")
    .option("--fresh", "begin anew")
    .addOption(new Option("--seed <n>", "the order of the steps").argParser(count(0)).default(1))
    .addOption(new Option("--fail-on <severity>", "what blocks").choices(["error", "warning"]).default("error"))
    .option("--json", "print the results as JSON")
    .action(async (names: string[], flags: RunFlags) => {
      const { config, out, resume = false, fresh = false, seed, failOn, json = false } = flags;
      if (resume && fresh) throw new UsageError("--resume and --fresh exclude each other");
      const { runCommand } = await import("../gate/capacity/capacity-command.ts");
      const mode = resume ? "resume" : fresh ? "fresh" : "ask";
      done(await runCommand({ names, config, out, mode, seed, failOn, json }, io, notes));
    });
  fitOptions(capacity.command("fit").description("Judge points that were measured elsewhere: CSV or JSON."))
    .option("--json", "print the result as JSON")
    .action(async (file: string, flags: FitFlags) => {
      const { fitCommand } = await import("../gate/capacity/capacity-command.ts");
      done(await fitCommand(optionsOf(file, flags), io));
    });
  fitOptions(capacity.command("report").description("The page of a run, or of such points."))
    .requiredOption("-o, --out <file>", "the page")
    .action(async (file: string, flags: FitFlags & { readonly out: string }) => {
      const { reportCommand } = await import("../gate/capacity/capacity-command.ts");
      done(await reportCommand({ ...optionsOf(file, flags), out: flags.out }, notes));
    });
  return capacity;
}

function fitOptions(command: Command): Command {
  return command
    .argument("<file>", "a journal of `run`, CSV with a line of names, or JSON")
    .addOption(new Option("--headroom <share>", "what stays free").argParser(share).default(0.25))
    .addOption(new Option("--tolerance <share>", "how far two methods may be apart").argParser(share).default(0.2))
    .addOption(new Option("--min-reps <n>", "measurements of each load").argParser(count(1)).default(5))
    .addOption(new Option("--methods <names>", `two of ${kneeMethods.join(", ")}`).argParser(methods));
}

function methods(text: string): KneeMethod[] {
  const given = [...new Set(text.split(",").map((name) => name.trim()))];
  const known = given.filter((name): name is KneeMethod => kneeMethods.some((each) => each === name));
  if (known.length === given.length && known.length >= 2) return known;
  throw new InvalidArgumentError(`It must be at least two of ${kneeMethods.join(", ")}, with commas.`);
}

function optionsOf(file: string, flags: FitFlags): FitCommandOptions {
  const { headroom, tolerance, minReps, json = false } = flags;
  return { file, headroom, tolerance, minRepetitions: minReps, methods: flags.methods, json };
}
