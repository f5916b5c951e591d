import { Command, Option } from "commander";
import { UsageError } from "../usage-error.ts";
import type { GateFlags, GateHost, GateRunOptions } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

const epilogue = `
Without --only it runs what reads files only (advise, audit, rules) and what the file enables. Faults and load are tried
on targets the file allows, and never where its environment is production.

Exit codes: 0 pass; 1 blocked; 2 the file or the options cannot be used; 3 inconclusive, or something needed is missing;
130 Ctrl-C, after everything was undone.

Examples:
  snowshed gate init                                     # a snowshed.yaml to begin with
  snowshed gate                                          # before each release
  snowshed gate -o github -o sarif=gate.sarif -o junit=gate.xml
  snowshed gate --only chaos -c staging/snowshed.yaml
  snowshed gate advise --explain                         # why which store
`;

type Add = (gate: Command, host: GateHost) => void;

/** What adds each sub-command. Loaded when it is asked for, and all of them only for the help. */
const parts: Readonly<Record<string, () => Promise<Add>>> = {
  init: async () => (await import("./gate-init.ts")).addInit,
  advise: async () => (await import("./gate-advise.ts")).addAdvise,
  audit: async () => (await import("./gate-audit.ts")).addAudit,
  rules: async () => (await import("./gate-rules.ts")).addRules,
  chaos: async () => (await import("./gate-chaos.ts")).addChaos,
  capacity: async () => (await import("./gate-capacity.ts")).addCapacity,
  doctor: async () => (await import("./gate-doctor.ts")).addDoctor,
  schema: async () => (await import("./gate-schema.ts")).addSchema,
  rule: async () => (await import("./gate-rule.ts")).addRule,
};

type Stage = NonNullable<GateRunOptions["only"]>[number];

const stageNames: readonly Stage[] = ["advise", "audit", "rules", "chaos", "capacity"];

type Flags = GateFlags & { readonly only?: readonly Stage[]; readonly live?: boolean };

/** The command `gate`; `args` are those after its name. */
export async function gateCommand(host: GateHost, args: readonly string[]): Promise<Command> {
  const gate = withGateOptions(new Command("gate"))
    .description("Block a release that is not safe: stores, pools, kernels, alerts, faults, capacity.")
    .addOption(new Option("--only <stages>", "these stages, such as advise,audit").argParser(stagesOf))
    .option("--live", "ask running servers and /proc of this machine, too")
    .addHelpText("after", epilogue)
    // `gate advise -c file` is an option of advise.
    .enablePositionalOptions()
    .hook("preSubcommand", refuseOptionsBefore)
    .action(async (flags: Flags) => host.done(await runStages(flags, host)));
  const [wanted] = args;
  // Options alone run the gate itself.
  if (wanted?.startsWith("-") === true && !args.some((each) => each === "-h" || each === "--help" || each in parts)) {
    return gate.allowExcessArguments(false);
  }
  if (wanted !== undefined && !wanted.startsWith("-") && wanted !== "help" && !Object.hasOwn(parts, wanted)) {
    const { didYouMean } = await import("../gate/nearest.ts");
    const names = Object.keys(parts);
    throw new UsageError(`gate has no command "${wanted}"${didYouMean(wanted, names)}; there are: ${names.join(", ")}`);
  }
  const names = wanted !== undefined && Object.hasOwn(parts, wanted) ? [wanted] : Object.keys(parts);
  for (const name of names) (await parts[name]!())(gate, host);
  return gate;
}

function stagesOf(text: string): readonly Stage[] {
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.find((name) => !stageNames.some((stage) => stage === name));
  if (wrong !== undefined) {
    throw new UsageError(`--only: there is no stage "${wrong}"; there are: ${stageNames.join(", ")}`);
  }
  return stageNames.filter((stage) => names.includes(stage));
}

/** They would be lost: the sub-command has its own. */
function refuseOptionsBefore(gate: Command, inner: Command): void {
  const given = gate.options.find((option) => gate.getOptionValueSource(option.attributeName()) === "cli");
  if (given === undefined) return;
  throw new UsageError(
    `${given.long ?? given.flags} goes after the name: snowshed gate ${inner.name()} ${given.long ?? ""}`,
  );
}
