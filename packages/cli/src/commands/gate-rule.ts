import { Command, Option } from "../commander.ts";
import type { GateHost } from "./gate-tools.ts";

interface ListFlags {
  readonly stage?: string;
  readonly json?: boolean;
}

/** `snowshed gate rule`. */
export function ruleCommand(host: GateHost): Command {
  const list = new Command("list")
    .description("Every rule: its id, severity, origin and what it asks.")
    .addOption(
      new Option("--stage <stage>", "only of this stage").choices(["advise", "audit", "rules", "chaos", "capacity"]),
    )
    .option("--json", "print JSON")
    .action(async (flags: ListFlags) => {
      const { listRules } = await import("../gate/rule-text.ts");
      host.io.stdout.write(listRules(flags));
      host.done(0);
    });
  const explain = new Command("explain")
    .description("Why a rule is there, what it asks, how to repair what it finds, where to read on.")
    .argument("<id>", "such as advise/store-is-the-leaf")
    .action(async (id: string) => {
      const { explainRule } = await import("../gate/rule-text.ts");
      host.io.stdout.write(explainRule(id));
      host.done(0);
    });
  return new Command("rule").addCommand(list).addCommand(explain, { isDefault: true });
}
