import { appendFile, realpath, stat } from "node:fs/promises";
import path from "node:path";
import type { Io } from "../../io.ts";
import { describeSystemError } from "../../system-error.ts";
import { UsageError } from "../../usage-error.ts";
import { didYouMean } from "../nearest.ts";
import { writeWhole } from "../write-file.ts";
import type { GateReport } from "./gate-report.ts";
import { inWorkspace } from "./workspace.ts";

export const formats = ["terminal", "json", "junit", "sarif", "github", "markdown"] as const;

export type Format = (typeof formats)[number];

export interface Output {
  readonly format: Format;
  /** Undefined: stdout. */
  readonly file: string | undefined;
}

/** Lines for a log, which may follow one another; the others are documents. */
const lineFormats: ReadonlySet<Format> = new Set<Format>(["terminal", "github"]);

/**
 * What `--output` says, each `format` or `format=file`. The terminal is added when nothing else goes to stdout. No file may be
 * `config`, the one that is judged.
 */
export async function parseOutputs(given: readonly string[], config?: string): Promise<readonly Output[]> {
  const outputs = given.map(parseOutput);
  const toStdout = outputs.filter(({ file }) => file === undefined);
  if (toStdout.length > 1 && toStdout.some(({ format }) => !lineFormats.has(format))) {
    const names = toStdout.map(({ format }) => format).join(" and ");
    throw new UsageError(
      `--output: ${names} cannot both go to stdout; give a file, such as ${names.split(" ")[0]}=gate.out`,
    );
  }
  // Found out before anything runs, not after.
  const files: string[] = [];
  for (const { file } of outputs) if (file !== undefined) files.push(await checkedFile(file));
  const twice = files.find((file, index) => files.indexOf(file) !== index);
  if (twice !== undefined) throw new UsageError(`--output: ${twice} is named twice`);
  if (config !== undefined && files.includes(await realName(path.resolve(config)))) {
    throw new UsageError(`--output: ${config} is the configuration itself`);
  }
  return toStdout.length === 0 ? [{ format: "terminal", file: undefined }, ...outputs] : outputs;
}

function parseOutput(text: string): Output {
  const [, name = "", file] = /^([^=]*)(?:=(.*))?$/s.exec(text)!;
  const format = formats.find((each) => each === name);
  if (format === undefined) {
    throw new UsageError(
      `--output: there is no format "${name}"${didYouMean(name, formats)}; there are: ${formats.join(", ")}`,
    );
  }
  if (file === "") throw new UsageError(`--output ${name}= needs the name of a file`);
  return { format, file: file === "-" || file === "/dev/stdout" ? undefined : file };
}

/** Which file it is, links resolved. One that cannot be written, for all that can be seen beforehand, is wrong usage. */
async function checkedFile(name: string): Promise<string> {
  const absolute = path.resolve(name);
  const folder = path.dirname(absolute);
  try {
    if (!(await stat(folder)).isDirectory()) throw new UsageError(`--output: ${folder} is no folder`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--output: ${folder}: ${describeSystemError(error)}`, { cause: error });
  }
  const file = await realName(absolute);
  const there = await stat(file).catch(() => undefined);
  if (there?.isDirectory() === true) throw new UsageError(`--output: ${name} is a folder`);
  return file;
}

/** Of a file that need not be there. */
async function realName(absolute: string): Promise<string> {
  try {
    return await realpath(absolute);
  } catch {
    const folder = await realpath(path.dirname(absolute)).catch(() => path.dirname(absolute));
    return path.join(folder, path.basename(absolute));
  }
}

/** Writes each of them. Answers what could not be written, a line for each. */
export async function writeOutputs(
  report: GateReport,
  outputs: readonly Output[],
  { io, quiet }: { readonly io: Io; readonly quiet: boolean },
): Promise<readonly string[]> {
  const problems: string[] = [];
  const attempt = async (file: string, write: () => Promise<void>): Promise<void> => {
    try {
      await write();
    } catch (error) {
      problems.push(`cannot write ${file}: ${describeSystemError(error)}`);
    }
  };
  for (const { format, file } of outputs) {
    const placed = format === "github" || format === "sarif" ? inWorkspace(report, io) : report;
    const text = await render(placed, format, { color: file === undefined && takesColor(io), quiet });
    if (file === undefined) io.stdout.write(text);
    else await attempt(file, () => writeWhole(path.resolve(file), text));
    const summary = io.env["GITHUB_STEP_SUMMARY"];
    if (format === "github" && summary !== undefined && summary !== "") {
      const markdown = await render(report, "markdown", { color: false, quiet });
      // One write at the end: jobs share the file.
      await attempt("$GITHUB_STEP_SUMMARY", () => appendFile(summary, `${cutForSummary(markdown)}\n`));
    }
  }
  return problems;
}

/** GitHub shows nothing of a summary of more than 1 MiB. */
function cutForSummary(markdown: string): string {
  const bytes = Buffer.from(markdown);
  if (bytes.length <= 1_000_000) return markdown;
  const whole = bytes.subarray(0, bytes.lastIndexOf("\n", 1_000_000) + 1).toString();
  return `${whole}\nCut here, since GitHub takes no more. The other reports have everything.\n`;
}

async function render(
  report: GateReport,
  format: Format,
  options: { color: boolean; quiet: boolean },
): Promise<string> {
  switch (format) {
    case "terminal":
      return (await import("./terminal.ts")).terminalReport(report, options);
    case "json":
      return (await import("./json.ts")).jsonReport(report);
    case "junit":
      return (await import("./junit.ts")).junitReport(report);
    case "sarif":
      return (await import("./sarif.ts")).sarifReport(report);
    case "github":
      return (await import("./github.ts")).githubReport(report);
    case "markdown":
      return (await import("./markdown.ts")).markdownReport(report);
  }
}

/** no-color.org @internal */
export function takesColor({ stdout, env }: Pick<Io, "stdout" | "env">): boolean {
  const { NO_COLOR, TERM } = env;
  return stdout.isTTY === true && TERM !== "dumb" && (NO_COLOR === undefined || NO_COLOR === "");
}
