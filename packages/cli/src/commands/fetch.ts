import { Command, Option } from "../commander.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import type { FetchOptions } from "../fetch/options.ts";
import type { FetchSummary } from "../fetch/summary.ts";
import { exitCode } from "../exit-code.ts";
import { UsageError } from "../usage-error.ts";
import { count, duration, share, size } from "./option-values.ts";

const epilogue = `
Input: http and https URLs, one per line, or JSON lines {"url", "method", "headers", "body", "id"}, of which only "url"
is required. Blank lines and lines that begin with # are left out.

Output: a JSON line per request on stdout, as they complete; progress and summary on stderr.

Exit codes: 0 all answered, by server or cache; 1 some failed, were skipped or invalid; 2 wrong usage; 130 Ctrl-C;
141 nobody reads the output.

Examples:
  snowshed fetch https://example.com/a https://example.com/b
  snowshed fetch urls.txt --concurrency 50 --per-host 6 --timeout 3s --deadline 8s --retries 1
  snowshed fetch urls.txt --output pages --resume        # goes on where an earlier run stopped
  cat urls.txt | snowshed fetch --cache ~/.cache/answers # last good answers when more than half of the calls fail
  grep '"status":"failed"' outcomes.ndjson | snowshed fetch -    # outcome lines are input lines, too
  snowshed fetch --example                               # see it at work on servers of its own
`;

interface Flags {
  readonly concurrency: number;
  readonly perHost: number;
  readonly timeout: number;
  readonly deadline: number;
  readonly retries: number;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly output?: string;
  readonly cache?: string;
  readonly fallbackThreshold: number;
  readonly maxBody: number;
  readonly maxRedirects: number;
  readonly resume?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly progress: boolean;
  readonly example?: boolean;
}

/** Every request says who asks and what can be decoded; a header given by the user takes the place of its namesake. */
const defaultHeaders = (acceptEncoding: string): readonly (readonly [string, string])[] => [
  ["accept", "*/*"],
  ["accept-encoding", acceptEncoding],
  ["user-agent", "snowshed"],
];

/** The command `fetch`; `done` gets its exit code. */
export function fetchCommand(io: Io, notes: Notes, done: (exitCode: number) => void): Command {
  return new Command("fetch")
    .argument("[inputs...]", "URLs, files with URLs, or - for stdin; without any, stdin")
    .addOption(option("-c, --concurrency <n>", "requests at the same time", count(1), "50"))
    .addOption(
      option("--per-host <n>", "of these, requests to one host: it never takes the others' places", count(1), "6"),
    )
    .addOption(option("-t, --timeout <duration>", "for each attempt, with its body", duration, "3s"))
    .addOption(option("-d, --deadline <duration>", "for the whole run, with waits and retries", duration, "none"))
    .addOption(option("-r, --retries <n>", "further attempts for GET, HEAD, OPTIONS, PUT, DELETE", count(0), "1"))
    .option("-X, --method <method>", "for requests that name none (default: GET, or POST with --data)")
    .option("-H, --header <line>", '"Name: value" for every request; repeatable', collect)
    .option("--data <text>", "body for requests that bring none")
    .option("-o, --output <folder>", "keep the bodies there, each under its final name only when it is whole")
    .option("--resume", "skip what earlier runs with the same --output completed")
    .option("--cache <folder>", "keep the last good answer of each request there, as a fallback")
    .addOption(
      option("--fallback-threshold <share>", "share of failed calls above which the cache answers", share, "0.5"),
    )
    .addOption(option("--max-body <size>", "give up larger bodies, also when decompressed", size, "64MiB"))
    .addOption(option("--max-redirects <n>", "redirects to follow; 0 takes a redirect as the answer", count(0), "5"))
    .option("--json", "print one JSON summary on stdout instead of the outcomes and the summary for people")
    .option("-q, --quiet", "no progress and no summary, only what went wrong")
    .option("--no-progress", "no progress line; there is none in CI and where stderr is no terminal anyway")
    .option("--example", "a demonstration of 10 seconds on servers started for it")
    .addHelpText("after", epilogue)
    .action(async (inputs: string[], flags: Flags) => done(await run(inputs, flags, io, notes)));
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** An option with a default, which the help shows as the user would write it. */
function option(flags: string, description: string, parse: (text: string) => number, preset: string): Option {
  return new Option(flags, description).argParser(parse).default(parse(preset), preset);
}

async function run(inputs: string[], flags: Flags, io: Io, notes: Notes): Promise<number> {
  if (flags.example === true) {
    const { runExample } = await import("../example/example.ts");
    return runExample(io, notes);
  }
  if (flags.resume === true && flags.output === undefined) {
    throw new UsageError("--resume needs --output: the record of what is done lies beside the bodies");
  }
  const [{ acceptEncoding }, { runFetch }, { headerValue, methodValue }] = await Promise.all([
    import("../fetch/decoder.ts"),
    import("../fetch/fetch-run.ts"),
    import("./request-values.ts"),
  ]);
  const { method, header = [], ...others } = flags;
  const given = { method: method === undefined ? undefined : methodValue(method), own: header.map(headerValue) };
  const options = toOptions(inputs, { ...others, ...given }, defaultHeaders(acceptEncoding));
  const summary = await runFetch(options, io, notes);
  return report(summary, options, io, notes);
}

type Headers = FetchOptions["defaults"]["headers"];

type Checked = Omit<Flags, "method" | "header"> & { readonly method: string | undefined; readonly own: Headers };

function toOptions(inputs: readonly string[], flags: Checked, preset: Headers): FetchOptions {
  const { method, own, data, output, cache, ...limits } = flags;
  const given = new Set(own.map(([name]) => name.toLowerCase()));
  const headers = [...preset.filter(([name]) => !given.has(name)), ...own];
  const defaults = { method: method ?? (data === undefined ? "GET" : "POST"), headers, body: data };
  const { resume = false, json = false, quiet = false, progress } = flags;
  return { ...limits, inputs, defaults, output, cache, resume, json, quiet, progress: progress && !quiet };
}

/** The summary goes to stdout once everything else is done. */
async function report(summary: FetchSummary, options: FetchOptions, io: Io, notes: Notes): Promise<number> {
  if (options.json) return printJson(summary, io, notes);
  if (!options.quiet) {
    const [{ summaryText }, { wantsColor }] = await Promise.all([
      import("../fetch/summary-text.ts"),
      import("../fetch/terminal.ts"),
    ]);
    const text = summaryText(summary, { color: wantsColor(io), resumable: options.output !== undefined });
    await notes.print(text);
  }
  return summary.exitCode;
}

async function printJson(summary: FetchSummary, io: Io, notes: Notes): Promise<number> {
  const [{ isClosed, LineWriter }, { describeSystemError }] = await Promise.all([
    import("../fetch/line-writer.ts"),
    import("../system-error.ts"),
  ]);
  let { exitCode: code } = summary;
  const writer = new LineWriter(io.stdout, (error) => {
    if (isClosed(error)) code = exitCode.outputClosed;
    else {
      code = exitCode.failed;
      void notes.say(`cannot write the summary to stdout: ${describeSystemError(error)}`);
    }
  });
  void writer.write(JSON.stringify(summary));
  await writer.flush();
  writer.detach();
  return code;
}
