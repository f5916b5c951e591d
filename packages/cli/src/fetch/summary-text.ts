import { createColors } from "picocolors";
import type { FetchSummary, StopCause } from "./summary.ts";

const stopReasons: Readonly<Record<StopCause, string>> = {
  deadline: "stopped by the deadline",
  interrupted: "stopped by you",
  "output-closed": "stopped: nobody reads the output any more",
  "write-failed": "stopped: the results cannot be written",
};

/** The summary for people. `resumable`: completed requests are on record. */
export function summaryText(summary: FetchSummary, options: { color: boolean; resumable: boolean }): string {
  const colors = createColors(options.color);
  const { total, ok, failed, fallback, skipped, elapsed } = summary;
  const parts = [
    colors.green(`${ok} ok`),
    ...(fallback > 0 ? [colors.yellow(`${fallback} from the cache`)] : []),
    ...(failed > 0 ? [colors.red(`${failed} failed`)] : []),
    ...(skipped > 0 ? [colors.yellow(`${skipped} skipped`)] : []),
  ];
  const rate = elapsed > 0 ? ` (${Math.round((total - skipped) / (elapsed / 1000))}/s)` : "";
  const lines = [`${plural(total, "request")} in ${showDuration(elapsed)}${rate}: ${parts.join(", ")}`];
  const errors = Object.entries(summary.errors).map(([code, count]) => `${code} ${count}`);
  if (errors.length > 0) lines.push(`why: ${errors.join(", ")}`);
  if (fallback > 0) {
    lines.push(
      `too many calls failed, so the cache answered; its oldest answer is ${showDuration(summary.oldest ?? 0)} old`,
    );
  }
  const extras = [
    `${showBytes(summary.bytes)} of bodies`,
    ...(summary.retries > 0 ? [plural(summary.retries, "retry", "retries")] : []),
    ...(summary.invalid > 0 ? [plural(summary.invalid, "invalid line")] : []),
    ...(summary.resumed > 0 ? [`${summary.resumed} done by an earlier run`] : []),
  ];
  lines.push(extras.join(", "));
  if (summary.stopped !== null) {
    const unread = summary.inputComplete ? "" : "; the rest of the input was not read";
    const resume = options.resumable ? "; --resume fetches what is missing" : "";
    lines.push(`${stopReasons[summary.stopped]}${unread}${resume}`);
  }
  return lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join("\n");
}

export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}

export function showBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]!}`;
}

function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
