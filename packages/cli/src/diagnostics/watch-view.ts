import type { createColors } from "picocolors";
import { span } from "../locks/locks-text.ts";
import { countOf, labelOf, resourcesText } from "./dump-text.ts";
import type { Hello, ProfileGroup, WatchFrame } from "./dump-types.ts";
import { groupLines } from "./profile-text.ts";
import { fit } from "./table.ts";

/** In what order the groups are shown. */
export const sortings = ["tasks", "oldest", "name", "waits"] as const;

export type Sorting = (typeof sortings)[number];

export interface WatchState {
  readonly id: string;
  readonly hello: Hello;
  readonly frame: WatchFrame | undefined;
  readonly sorting: Sorting;
  readonly isPaused: boolean;
  /** Milliseconds since the last frame came. */
  readonly silence: number;
  readonly interval: number;
}

/** What the screen says, no more than `rows` lines of at most `columns`: pure, so that it can be tested without one. */
export function watchLines(
  state: WatchState,
  columns: number,
  rows: number,
  colors: ReturnType<typeof createColors>,
): string[] {
  const { frame, id, hello } = state;
  const head = `${id}  ${hello.program}  node ${hello.node.replace(/^v/, "")}, ${hello.preset}`;
  const lines = [colors.bold(fit(head, columns))];
  if (frame === undefined) lines.push(statusText(state, columns, colors) || "waiting for the first frame");
  else lines.push(...frameLines(frame, state, columns, rows, colors));
  const keys = fit("q quit   p pause   s sort   k kind", columns);
  return [...lines.slice(0, Math.max(0, rows - 1)), colors.dim(keys)].slice(-rows);
}

function frameLines(
  frame: WatchFrame,
  state: WatchState,
  columns: number,
  rows: number,
  colors: ReturnType<typeof createColors>,
): string[] {
  const { totals, profile, resources, warnings, deadlocks } = frame;
  const { fulfilled, rejected, skipped } = totals.tasksEnded;
  const counts = [
    `${totals.tasksLive} live`,
    `${totals.tasksStarted} started`,
    `${fulfilled + rejected + skipped} ended`,
    `${rejected} rejected`,
    `loop lags ${span(frame.lag)}`,
    `${Math.round(frame.memory / 1024 ** 2)} MiB`,
  ];
  const troubles = [
    ...(totals.leaked > 0 ? [`${totals.leaked} leaked`] : []),
    ...(deadlocks.length > 0 ? [countOf(deadlocks.length, "deadlock")] : []),
  ];
  const lines = [fit(counts.join("  "), columns)];
  if (troubles.length > 0) lines.push(colors.red(fit(troubles.join(", "), columns)));
  const status = statusText(state, columns, colors);
  if (status !== "") lines.push(status);
  // One line for keys, one blank before each table; resources have a third at most.
  const left = rows - lines.length - 4;
  const table = resourcesText(resources, Math.max(1, Math.floor(left / 3)), columns, colors);
  const title = `${countOf(profile.total, "task")}, ${profile.kind === "task" ? "all" : profile.kind}, by ${state.sorting}`;
  const groups = groupLines(sorted(profile.groups, state.sorting), colors, columns);
  const room = Math.max(2, left - table.length - warnings.length - 1);
  lines.push("", colors.underline(fit(title, columns)), ...groups.slice(0, room));
  if (table.length > 0) lines.push("", ...table);
  for (const { code, message, count } of warnings.slice(-3))
    lines.push(colors.yellow(fit(`${code} ${message} (${count})`, columns)));
  return lines;
}

function statusText(
  { isPaused, silence, interval, frame }: WatchState,
  columns: number,
  colors: ReturnType<typeof createColors>,
): string {
  if (isPaused) return colors.yellow(fit("paused: p goes on", columns));
  if (silence < Math.max(interval, frame?.pace ?? 0) * 1.5 + 2000) return "";
  return colors.red(fit(`no answer for ${span(silence)}: its event loop is busy`, columns));
}

/** What sorts by what is waited for, those that wait for nothing at the end. */
function waits({ wait }: ProfileGroup): string {
  return wait === null ? "\uFFFF" : labelOf(wait.kind, wait.name);
}

function sorted(groups: readonly ProfileGroup[], sorting: Sorting): ProfileGroup[] {
  const compare = {
    tasks: (left: ProfileGroup, right: ProfileGroup) => right.count - left.count,
    oldest: (left: ProfileGroup, right: ProfileGroup) => right.oldest - left.oldest,
    name: (left: ProfileGroup, right: ProfileGroup) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0),
    waits: (left: ProfileGroup, right: ProfileGroup) =>
      waits(left) < waits(right) ? -1 : waits(left) > waits(right) ? 1 : 0,
  }[sorting];
  return groups.toSorted(compare);
}
