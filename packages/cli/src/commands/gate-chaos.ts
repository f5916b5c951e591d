import { Command } from "../commander.ts";
import type { GateFlags, GateHost } from "./gate-tools.ts";
import { runStages, withGateOptions } from "./gate-tools.ts";

const epilogue = `
An experiment: the steady state holds, the fault is injected, a probe sees it, it is taken back, the service recovers in
time. Faults go to loopback only unless chaos.targets says more, and never to an environment called production.

Exit codes: 0 recovered; 1 not recovered in time, or aborted; 2 the file or the command is wrong; 3 nothing was learnt:
the steady state was broken before, the fault was not seen or could not be injected; 130 Ctrl-C, after healing.

Examples:
  snowshed gate chaos plan                     # what would be done, and how it is taken back
  snowshed gate chaos run kafka-delay -o junit=chaos.xml
  snowshed gate chaos heal                     # after a machine went down in the middle of a fault
  snowshed gate chaos proxy --proxy redis=127.0.0.1:16379,127.0.0.1:6379
`;

/** `snowshed gate chaos`. */
export function chaosCommand(host: GateHost): Command {
  const { io, notes, done } = host;
  const chaos = new Command("chaos").addHelpText("after", epilogue);
  chaos
    .command("plan")
    .description("what each experiment would do; nothing is injected")
    .argument("[experiments...]", "by their ids; default: all")
    .option("-c, --config <file>", "the configuration", "snowshed.yaml")
    .action(async (names: string[], { config }: { readonly config: string }) => {
      done(await (await import("../gate/chaos/commands.ts")).runPlan(config, chosen(names), io, notes));
    });
  withGateOptions(chaos.command("run"))
    .description("run the experiments")
    .argument("[experiments...]", "by their ids; default: all")
    .action(async (names: string[], flags: GateFlags) => {
      done(await runStages({ ...flags, only: ["chaos"], settings: { experiments: chosen(names) } }, host));
    });
  chaos
    .command("heal")
    .description("take back what an earlier run left behind")
    .action(async () => done(await (await import("../gate/chaos/commands.ts")).runHeal(io, notes)));
  chaos
    .command("proxy")
    .description("fault proxies on this machine, with the HTTP API of Toxiproxy, until Ctrl-C")
    .option("--listen <host:port>", "for the API", "127.0.0.1:8474")
    .option("--proxy <name=listen,upstream>", "a proxy to begin with; repeatable", collect)
    .option("--allow <host:port>", "what the proxies may stand in front of; repeatable; default: loopback", collect)
    .action(async (flags: { readonly listen: string; readonly proxy?: string[]; readonly allow?: string[] }) => {
      const { listen, proxy: proxies = [], allow } = flags;
      done(await (await import("../gate/chaos/commands.ts")).runProxy({ listen, proxies, allow }, io, notes));
    });
  return chaos;
}

function chosen(names: readonly string[]): readonly string[] | undefined {
  return names.length === 0 ? undefined : names;
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
