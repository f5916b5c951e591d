import type { createColors } from "picocolors";
import { span } from "../locks/locks-text.ts";
import type { Profile, ProfileGroup } from "./dump-types.ts";
import { countOf, labelOf } from "./dump-text.ts";
import { fit, table } from "./table.ts";

const titles = { task: "live", blocked: "blocked", leak: "leaked" } as const;

/** Tasks that are alike, counted: a line for each group. */
export function profileText(profile: Profile, limit: number, colors: ReturnType<typeof createColors>): string {
  const { groups, total, kind } = profile;
  const title = `${countOf(total, "task")} ${titles[kind]}, ${countOf(groups.length, "group")}`;
  const lines = groupLines(groups.slice(0, limit), colors);
  if (groups.length > limit) lines.push(colors.dim(`… and ${groups.length - limit} more groups: --limit shows more`));
  return [title, ...lines].join("\n");
}

/** The groups as a table, its head first, cut at a width. */
export function groupLines(
  groups: readonly ProfileGroup[],
  colors: ReturnType<typeof createColors>,
  columns: number = Number.POSITIVE_INFINITY,
): string[] {
  if (groups.length === 0) return [];
  const rows = groups.map(({ count, state, oldest, name, wait, site }) => [
    String(count),
    state,
    span(oldest),
    name,
    wait === null ? "" : labelOf(wait.kind, wait.name),
    site ?? "",
  ]);
  const head = ["tasks", "state", "oldest", "name", "waits for", "made at"];
  return table([head, ...rows], ["tasks", "oldest"]).map((whole, row) => {
    const line = fit(whole, columns);
    if (row === 0) return colors.dim(line);
    const { state } = groups[row - 1]!;
    return state === "leaked" ? colors.red(line) : state === "waiting" ? colors.yellow(line) : line;
  });
}
