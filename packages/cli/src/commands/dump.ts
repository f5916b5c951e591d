import type { Command } from "../commander.ts";
import { Option } from "../commander.ts";
import type { CommandHost, LookFlags } from "./look-options.ts";
import { exitCodes, limitOption, lookCommand, looking, pidText, processId, processOf } from "./look-options.ts";
import { count } from "./option-values.ts";

const epilogue = `${exitCodes}
A process whose event loop is blocked answers nobody. --inspector asks it through the inspector of Node, which can
interrupt JavaScript: it is opened with SIGUSR1 on 127.0.0.1, where every user of the machine can use it, and closed at the
end. Where the program is stands under "stack" in the dump.

Examples:
  snowshed dump 4242 -o dump.json && snowshed view dump.json
  snowshed dump --inspector 4242 | jq .stack
`;

type Flags = LookFlags & {
  readonly output?: string;
  readonly limit: number;
  readonly inspector?: boolean;
  readonly inspectorPort: number;
};

export function dumpCommand(host: CommandHost): Command {
  return lookCommand("dump")
    .argument("[pid]", pidText, processId)
    .option("-o, --output <file>", "a new file that only you can read; default: stdout")
    .addOption(limitOption(10_000, "tasks"))
    .option("--inspector", "also when its event loop is blocked")
    .addOption(new Option("--inspector-port <port>", "where its inspector opens").argParser(count(1)).default(9229))
    .addHelpText("after", epilogue)
    .action((id: string | undefined, flags: Flags) =>
      looking(host, async () => {
        const { output, limit, timeout, inspector, inspectorPort } = flags;
        const watched = await processOf(id, flags, host.io);
        const { runDump } = await import("../diagnostics/dump.ts");
        const port = inspector === true ? inspectorPort : undefined;
        return runDump({ watched, output, limit, inspector: port, timeout }, host.io, host.notes);
      }),
    );
}
