import { Command } from "../commander.ts";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

interface BuildFlags {
  readonly config: string;
  readonly out?: string;
  readonly dashboard?: string;
  readonly tests?: string;
}

const epilogue = `
Without --out and without alerts.out in the configuration, what is made goes to stdout.
promtool comes with Prometheus (Debian: apt install prometheus). Without it, check and test answer 3.

Exit codes: 0 pass; 1 blocked; 2 the configuration or the options cannot be used; 3 inconclusive.

Examples:
  snowshed gate rules check                        # your own rule files, and whether what is mandatory is there
  snowshed gate rules build --out rules/snowshed.yml --tests rules/snowshed.test.yml
  snowshed gate rules test                         # the generated rules, on series that fire and that do not
  snowshed gate rules dashboard > snowshed.json
`;

/** `snowshed gate rules`. */
export function rulesCommand(host: GateHost): Command {
  const { done } = host;
  const config = ["-c, --config <file>", "the configuration", "snowshed.yaml"] as const;
  return new Command("rules")
    .addHelpText("after", epilogue)
    .addCommand(
      withGateOptions(new Command("check"))
        .description("check the rule files of the configuration, and that mandatory alerts are there")
        .action(async (flags: GateFlags) => done(await runStages({ ...flags, only: ["rules"] }, host))),
      { isDefault: true },
    )
    .addCommand(
      withGateOptions(new Command("test"))
        .description("check, and try the generated rules on series that fire and that do not")
        .action(async (flags: GateFlags) =>
          done(await runStages({ ...flags, only: ["rules"], settings: { test: true } }, host)),
        ),
    )
    .addCommand(
      new Command("build")
        .description("write the alert rules, their unit tests, and the dashboard")
        .option(...config)
        .option("--out <file>", "the rules; - is stdout; default: alerts.out of the configuration")
        .option("--tests <file>", "unit tests for promtool; needs a file for the rules")
        .option("--dashboard <file>", "the dashboard for Grafana; default: alerts.dashboard of the configuration")
        .action(async (flags: BuildFlags) => {
          const { buildRules } = await import("../gate/alerts/build.ts");
          done(await buildRules(flags, host.io, host.notes));
        }),
    )
    .addCommand(
      new Command("dashboard")
        .description("write the dashboard for Grafana")
        .option(...config)
        .option("--out <file>", "default: alerts.dashboard of the configuration, else stdout")
        .action(async (flags: BuildFlags) => {
          const { buildDashboard } = await import("../gate/alerts/build.ts");
          done(await buildDashboard(flags, host.io, host.notes));
        }),
    );
}
