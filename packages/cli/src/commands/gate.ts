import { Command, Option } from "../commander.ts";
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

/** A sub-command as the help lists it. Its file is loaded when it is asked for, and for no other. */
interface Part {
  readonly description: string;
  readonly load: (host: GateHost) => Promise<Command>;
}

const parts: Readonly<Record<string, Part>> = {
  init: {
    description: "Write a snowshed.yaml to begin with, naming the configuration files found beside it.",
    load: async (host) => (await import("./gate-init.ts")).initCommand(host),
  },
  advise: {
    description: "Which store each workload asks for: the decision tree, what contradicts it, what else would serve.",
    load: async (host) => (await import("./gate-advise.ts")).adviseCommand(host),
  },
  audit: {
    description: "Judge pools, clients, servers and kernels by what is declared and by their files.",
    load: async (host) => (await import("./gate-audit.ts")).auditCommand(host),
  },
  rules: {
    description: "Alert rules for Prometheus: made, tested, and your own ones checked.",
    load: async (host) => (await import("./gate-rules.ts")).rulesCommand(host),
  },
  chaos: {
    description: "Inject faults and see whether the service recovers.",
    load: async (host) => (await import("./gate-chaos.ts")).chaosCommand(host),
  },
  capacity: {
    description: "Where a server bends: a ramp of load, measured again and again, and judged by two methods.",
    load: async (host) => (await import("./gate-capacity.ts")).capacityCommand(host),
  },
  doctor: {
    description: "What of this machine the stages can use, what is missing, and how to install it.",
    load: async (host) => (await import("./gate-doctor.ts")).doctorCommand(host),
  },
  schema: {
    description: "Print the JSON Schema of snowshed.yaml, for editors.",
    load: async (host) => (await import("./gate-schema.ts")).schemaCommand(host),
  },
  rule: {
    description: "The rules of the gate.",
    load: async (host) => (await import("./gate-rule.ts")).ruleCommand(host),
  },
};

type Stage = NonNullable<GateRunOptions["only"]>[number];

const stageNames: readonly Stage[] = ["advise", "audit", "rules", "chaos", "capacity"];

type Flags = GateFlags & { readonly only?: readonly Stage[]; readonly live?: boolean };

/** The command `gate`; `args` are those after its name. */
export async function gateCommand(host: GateHost, args: readonly string[]): Promise<Command> {
  const gate = withGateOptions(new Command("gate"))
    .addOption(new Option("--only <stages>", "these stages, such as advise,audit; repeatable").argParser(stagesOf))
    .option("--live", "ask running servers and /proc of this machine, too")
    .addHelpText("after", epilogue)
    // `gate advise -c file` is an option of advise.
    .enablePositionalOptions()
    .hook("preSubcommand", refuseOptionsBefore)
    .action(async (flags: Flags) => host.done(await runStages(flags, host)));
  const [first] = args;
  if (first !== undefined && !first.startsWith("-") && first !== "help" && !Object.hasOwn(parts, first)) {
    const { didYouMean } = await import("../gate/nearest.ts");
    const names = Object.keys(parts);
    throw new UsageError(`gate has no command "${first}"${didYouMean(first, names)}; there are: ${names.join(", ")}`);
  }
  const wanted = args.find((each) => Object.hasOwn(parts, each));
  for (const [name, { description, load }] of Object.entries(parts)) {
    const part = name === wanted ? await load(host) : new Command(name);
    gate.addCommand(part.description(description));
  }
  return gate;
}

/** `--only advise,audit`, or each by an option of its own. */
function stagesOf(text: string, before: readonly Stage[] = []): readonly Stage[] {
  const names: readonly string[] = [...before, ...text.split(",").map((name) => name.trim())];
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
