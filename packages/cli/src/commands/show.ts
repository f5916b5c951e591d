import { Option } from "../commander.ts";
import type { Command } from "../commander.ts";
import type { ProfileKind } from "../diagnostics/dump-types.ts";
import type { CommandHost, LookFlags } from "./look-options.ts";
import {
  checkTimeout,
  exitCodes,
  kindOption,
  limitOption,
  lookCommand,
  looking,
  pidText,
  processId,
  processOf,
} from "./look-options.ts";

// The commands that show a process once: ps, tree, profile, deadlocks.

type Flags = LookFlags & { readonly limit: number };

export function psCommand(host: CommandHost): Command {
  const epilogue = `${exitCodes}
Examples:
  snowshed ps                                  # the processes that can be looked into
  snowshed ps 4242                             # the tasks of one: what each waits for, and who holds that
  snowshed ps 4242 --json | jq '.tasks[] | select(.state == "waiting")'
`;
  return lookCommand("ps")
    .argument("[pid]", "the process: `4242`, or `4242-1` for a worker thread", processId)
    .addOption(limitOption(1000, "tasks"))
    .addHelpText("after", epilogue)
    .action((id: string | undefined, flags: Flags) =>
      looking(host, async () => {
        checkTimeout(flags.timeout);
        const { listProcesses, showTasks } = await import("../diagnostics/show.ts");
        if (id === undefined) return listProcesses(flags, host.io);
        return showTasks(await processOf(id, flags, host.io), flags, host.io);
      }),
    );
}

export function treeCommand(host: CommandHost): Command {
  return lookCommand("tree")
    .argument("[pid]", pidText, processId)
    .addOption(limitOption(1000, "tasks"))
    .addHelpText("after", exitCodes)
    .action((id: string | undefined, flags: Flags) =>
      looking(host, async () => {
        const { showTree } = await import("../diagnostics/show.ts");
        return showTree(await processOf(id, flags, host.io), flags, host.io);
      }),
    );
}

export function profileCommand(host: CommandHost): Command {
  return lookCommand("profile")
    .argument("[pid]", pidText, processId)
    .addOption(kindOption())
    .addOption(limitOption(50, "groups"))
    .addHelpText("after", exitCodes)
    .action((id: string | undefined, flags: Flags & { readonly kind: ProfileKind }) =>
      looking(host, async () => {
        const { showProfile } = await import("../diagnostics/show.ts");
        return showProfile(await processOf(id, flags, host.io), flags, host.io);
      }),
    );
}

export function deadlocksCommand(host: CommandHost): Command {
  return lookCommand("deadlocks")
    .argument("[pid]", pidText, processId)
    .addHelpText("after", exitCodes)
    .action((id: string | undefined, flags: LookFlags) =>
      looking(host, async () => {
        const { showDeadlocks } = await import("../diagnostics/show.ts");
        return showDeadlocks(await processOf(id, flags, host.io), flags, host.io);
      }),
    );
}

export function viewCommand(host: CommandHost): Command {
  return lookCommand("view")
    .argument("<file>", "a dump: made by `snowshed dump`, by a signal, or by snapshot()")
    .addOption(new Option("--as <view>", "how").choices(["tasks", "tree", "deadlocks", "text"]).default("tasks"))
    .addOption(limitOption(1000, "tasks"))
    .addHelpText("after", exitCodes)
    .action((file: string, flags: Flags & { readonly as: "tasks" | "tree" | "deadlocks" | "text" }) =>
      looking(host, async () => {
        const { showFile } = await import("../diagnostics/show.ts");
        return showFile(file, flags, host.io);
      }),
    );
}
