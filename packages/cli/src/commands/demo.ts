import { Command, InvalidArgumentError, Option } from "../commander.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { UsageError } from "../usage-error.ts";
import { count, duration } from "./option-values.ts";

const names = ["none", "wait-group", "group", "semaphore", "error-rate", "all", "snowshed"] as const;

const epilogue = `
The arrangements: none; the article's choices: wait-group, group, semaphore, error-rate, all of them; snowshed.

Exit codes: 0 shown; 1 the report could not be written; 2 wrong usage; 130 Ctrl-C.

Examples:
  snowshed demo                                  # all seven, a minute and a half, plots in snowshed-demo.html
  snowshed demo --only none,snowshed             # before and after
  snowshed demo --seed 7 --json > findings.json  # other users; figures for a program
`;

interface Flags {
  readonly only: readonly string[];
  readonly duration: number;
  readonly seed: number;
  readonly report: string | false;
  readonly json?: boolean;
}

/** The command `demo`; `done` gets its exit code. */
export function demoCommand(io: Io, notes: Notes, done: (exitCode: number) => void): Command {
  return new Command("demo")
    .addOption(new Option("--only <names>", `some of ${names.join(", ")}`).argParser(list).default([...names], "all"))
    .addOption(
      new Option("--duration <time>", "for each arrangement, at least 5s").argParser(span).default(13_000, "13s"),
    )
    .addOption(
      new Option("--seed <n>", "which users come: the same ones for the same number").argParser(count(0)).default(1),
    )
    .option("--report <file>", "the page with the plots", "snowshed-demo.html")
    .option("--no-report", "no page")
    .option("--json", "print the findings as JSON on stdout instead of the table")
    .addHelpText("after", epilogue)
    .action(async (flags: Flags) => {
      if (flags.duration === Number.POSITIVE_INFINITY) throw new UsageError("--duration must be a time");
      const { runDemo } = await import("../demo/demo.ts");
      const { protectionNamed } = await import("../demo/protections.ts");
      const { only, duration: ms, seed, report, json = false } = flags;
      const options = { protections: only.map(protectionNamed), seconds: ms / 1000, seed, json };
      done(await runDemo({ ...options, report: report === false ? undefined : report }, io, notes));
    });
}

function list(text: string): string[] {
  const given = text.split(",").map((name) => name.trim());
  const unknown = given.find((name) => !names.some((each) => each === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no "${unknown}"; there are ${names.join(", ")}.`);
  return [...new Set(given)];
}

function span(text: string): number {
  const ms = duration(text);
  if (ms >= 5000) return ms;
  throw new InvalidArgumentError("In less than 5s there is nothing to see.");
}
