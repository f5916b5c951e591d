import { codes, ranks } from "../overload/classification-table.ts";
import { isObject, maxDepth, read } from "../overload/inspection.ts";

/** How many file descriptors a process may have, and has. */
export interface DescriptorUsage {
  /** The most there may be, as `ulimit -n` says; `Infinity`: any number. */
  readonly softLimit: number;
  /** How many are open. */
  readonly open: number;
}

/** What is asked of the system. Each throws where there is no such thing. @internal */
export interface DescriptorSource {
  readText(path: string): string;
  /** How many names a folder has. */
  countNames(path: string): number;
  shell(command: string): string;
}

/** Where nobody says: what macOS gives a process, the least of the systems in common use. */
const assumedSoftLimit = 256;
/** Where nobody says: a Node.js process that has just begun has about 20. */
const assumedOpen = 32;
/** A shell that takes longer is no help. Milliseconds. */
const shellTimeout = 2000;
/** Errors that are looked at, in all. */
const maxErrors = 10_000;

// Not imported: what imports this module must load where there is no Node.js, too.
/** @internal */
export const systemDescriptors: DescriptorSource = {
  readText: (path) => process.getBuiltinModule("node:fs").readFileSync(path, "utf8"),
  countNames: (path) => process.getBuiltinModule("node:fs").readdirSync(path).length,
  shell: (command) =>
    process.getBuiltinModule("node:child_process").execFileSync("/bin/sh", ["-c", command], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: shellTimeout,
    }),
};

/**
 * Of this process. The limit by `/proc/self/limits`, else by `ulimit -n` of a shell, which inherits it, else 256; the
 * open ones by `/proc/self/fd`, else `/dev/fd`, else 32. Never throws.
 *
 * @internal
 */
export function descriptorUsage(source: DescriptorSource = systemDescriptors): DescriptorUsage {
  const softLimit =
    attempt(() => toLimit(/^Max open files\s+(\S+)/m.exec(source.readText("/proc/self/limits"))?.[1])) ??
    attempt(() => toLimit(source.shell("ulimit -n").trim())) ??
    assumedSoftLimit;
  // One of those that are counted is the folder itself, which is open while it is read.
  const open =
    attempt(() => source.countNames("/proc/self/fd") - 1) ??
    attempt(() => source.countNames("/dev/fd") - 1) ??
    assumedOpen;
  return { softLimit, open };
}

/**
 * Whether an error, one of its causes or one of the errors in an AggregateError says that the process (`EMFILE`) or the
 * system (`ENFILE`) has no descriptor left. Causes of cancellations, timeouts and fatal errors do not count: the next
 * attempt would end as this one did, and the one after that. Never throws.
 *
 * @internal
 */
export function isOutOfDescriptors(error: unknown): boolean {
  return attempt(() => finds(error, { left: maxErrors }, 0)) ?? false;
}

function finds(error: unknown, budget: { left: number }, depth: number): boolean {
  for (let current = error; isObject(current) && depth < maxDepth; depth++) {
    if (budget.left-- <= 0) return false;
    const code = read(current, "code");
    if (code === "EMFILE" || code === "ENFILE") return true;
    const errors = read(current, "errors");
    const below = depth + 1;
    if (Array.isArray(errors) && errors.some((each) => finds(each, budget, below))) return true;
    if (isFinal(read(current, "name"), code)) return false;
    current = read(current, "cause");
  }
  return false;
}

/** Whether it says that somebody gave up, whatever the reason was. The names are those of the platform and ours. */
function isFinal(name: unknown, code: unknown): boolean {
  if (name === "AbortError" || name === "TimeoutError") return true;
  return typeof code === "string" && codes.find(code) === ranks.fatal;
}

function toLimit(text: string | undefined): number | undefined {
  if (text === "unlimited") return Number.POSITIVE_INFINITY;
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function attempt<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}
