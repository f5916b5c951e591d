import type { Command } from "../commander.ts";
import { Option } from "../commander.ts";
import type { ProfileKind } from "../diagnostics/dump-types.ts";
import { UsageError } from "../usage-error.ts";
import type { CommandHost, LookFlags } from "./look-options.ts";
import { exitCodes, kindOption, lookCommand, looking, pidText, processId, processOf } from "./look-options.ts";
import { count, duration } from "./option-values.ts";

const epilogue = `
Keys: q ends it, p pauses, s changes the order, k changes which tasks are shown.
${exitCodes}`;

type Flags = LookFlags & { readonly interval: number; readonly count?: number; readonly kind: ProfileKind };

export function watchCommand(host: CommandHost): Command {
  return lookCommand("watch")
    .argument("[pid]", pidText, processId)
    .addOption(kindOption())
    .addOption(
      new Option("-i, --interval <duration>", "between two frames: 250ms to 1m")
        .argParser(duration)
        .default(1000, "1s"),
    )
    .addOption(new Option("-c, --count <frames>", "end after so many frames").argParser(count(1)))
    .addHelpText("after", epilogue)
    .action((id: string | undefined, flags: Flags) =>
      looking(host, async () => {
        const { interval, kind, timeout, json = false, count: frames } = flags;
        if (interval < 250 || interval > 60_000) throw new UsageError("--interval must be from 250ms to 1m");
        const watched = await processOf(id, flags, host.io);
        const { runWatch } = await import("../diagnostics/watch.ts");
        const options = { watched, kind, interval: Math.round(interval), count: frames, json, timeout };
        return runWatch(options, host.io, host.notes);
      }),
    );
}
