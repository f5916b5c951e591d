import type { createColors } from "picocolors";
import { span } from "../locks/locks-text.ts";
import type { Dump, ResourceSnapshot, TaskSnapshot } from "./dump-types.ts";
import { fit, table } from "./table.ts";

// What people read of a dump. All texts in it are made safe before: see safe-text.ts.

type Colors = ReturnType<typeof createColors>;

/** Whether a deadlock or a leaked task is there: what the commands end with 1 for. */
export function isStuck({ totals, deadlocks }: Pick<Dump, "totals" | "deadlocks">): boolean {
  return totals.leaked > 0 || totals.deadlocks > 0 || deadlocks.length > 0;
}

/** Two lines: which process, and how many tasks. */
export function headText(dump: Dump, colors: Colors): string {
  const { pid, program, node, preset, since, time, totals } = dump;
  const watched = span(Date.parse(time) - Date.parse(since));
  const { fulfilled, rejected, skipped } = totals.tasksEnded;
  const ended = `${fulfilled + rejected + skipped} ended (${rejected} rejected, ${skipped} skipped)`;
  return [
    `${colors.bold(`${pid}  ${program}`)}  node ${node.replace(/^v/, "")}, ${preset}, watched for ${watched}`,
    [
      `${totals.tasksLive} live, ${ended}`,
      ...(totals.leaked > 0 ? [colors.red(`${totals.leaked} leaked`)] : []),
      ...(dump.deadlocks.length > 0 ? [colors.red(countOf(dump.deadlocks.length, "deadlock"))] : []),
    ].join(", "),
  ].join("\n");
}

/** Tasks below each other, the oldest first. */
export function tasksText(dump: Dump, limit: number, colors: Colors): string {
  const tasks = dump.tasks.toSorted((left, right) => right.age - left.age || left.id - right.id);
  if (tasks.length === 0) return colors.dim("no live tasks");
  const names = new Names(dump);
  const head = ["id", "state", "age", "name", "waits for", "made at"];
  const rows = tasks
    .slice(0, limit)
    .map((task) => [
      String(task.id),
      task.state,
      span(task.age),
      task.name,
      task.wait === null ? names.heldBy(task) : names.wait(task),
      task.site ?? "",
    ]);
  const lines = table([head, ...rows], ["id", "age"]).map((line, row) =>
    row === 0 ? colors.dim(line) : colored(line, tasks[row - 1]!, colors),
  );
  const hidden = Math.max(dump.totals.tasksLive, tasks.length) - rows.length;
  if (hidden > 0) lines.push(colors.dim(`… and ${hidden} more: --limit shows more of them`));
  return lines.join("\n");
}

/** The deadlocks and the leaked tasks, each with who waits for what that whom has. */
export function stuckText(dump: Dump, colors: Colors): string {
  const names = new Names(dump);
  const parts = dump.deadlocks.map(({ certainty, tasks }, index) => {
    const title = `${certainty === "certain" ? "deadlock" : "suspected deadlock"} ${index + 1}: ${countOf(tasks.length, "task")}`;
    return [colors.red(title), ...tasks.map((id) => names.line(id))].join("\n");
  });
  const leaked = dump.tasks.filter(({ state }) => state === "leaked");
  if (dump.totals.leaked > 0) {
    const lines = leaked.map(({ id }) => names.line(id));
    const title = `leaked: ${countOf(dump.totals.leaked, "task")} that can never end`;
    parts.push([colors.red(title), ...lines].join("\n"));
  }
  return parts.length === 0 ? colors.green("no deadlocks, no leaked tasks") : parts.join("\n\n");
}

/** What blocks the event loop, of a dump that has it. */
export function stackText({ stack }: Dump, colors: Colors): string {
  if (stack === undefined) return "";
  if (stack.length === 0) return "the event loop is free";
  return [colors.red("the program is in"), ...stack.map((frame) => `  at ${frame}`)].join("\n");
}

/** Resources that tasks wait for, or that are held, those with the most pending first. */
export function resourcesText(
  resources: readonly ResourceSnapshot[],
  limit: number,
  columns: number,
  colors: Colors,
): string[] {
  const used = resources
    .filter(({ held, pending }) => held + pending > 0)
    .toSorted((left, right) => right.pending - left.pending || right.held - left.held);
  if (used.length === 0) return [];
  const rows = used
    .slice(0, limit)
    .map(({ kind, name, held, capacity, pending }) => [kind, name, `${held}/${capacity ?? "∞"}`, String(pending)]);
  const lines = table([["kind", "resource", "held", "pending"], ...rows], ["held", "pending"]);
  return lines.map((whole, row) => {
    const line = fit(whole, columns);
    if (row === 0) return colors.dim(line);
    return used[row - 1]!.pending > 0 ? colors.yellow(line) : line;
  });
}

/** `semaphore "db"`; many resources have no name. */
export function labelOf(kind: string, name: string): string {
  return name === "" ? kind : `${kind} "${name}"`;
}

export function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function colored(line: string, { state }: TaskSnapshot, colors: Colors): string {
  if (state === "leaked") return colors.red(line);
  return state === "waiting" || state === "canceling" ? colors.yellow(line) : line;
}

/** What the numbers in a dump stand for. */
export class Names {
  readonly #tasks: ReadonlyMap<number, TaskSnapshot>;
  readonly #resources: ReadonlyMap<number, ResourceSnapshot>;

  constructor(dump: Dump) {
    this.#tasks = new Map(dump.tasks.map((task) => [task.id, task]));
    this.#resources = new Map(dump.resources.map((resource) => [resource.id, resource]));
  }

  resource(id: number): ResourceSnapshot | undefined {
    return this.#resources.get(id);
  }

  task(id: number): string {
    const name = this.#tasks.get(id)?.name ?? "";
    return name === "" ? `#${id}` : `#${id} "${name}"`;
  }

  /** `semaphore "db" (2 of 8), held by #3 "import"`. */
  wait({ wait }: TaskSnapshot): string {
    if (wait === null) return "";
    const { kind, name, weight, heldBy, deadline, resource } = wait;
    const capacity = this.#resources.get(resource)?.capacity ?? undefined;
    const much = weight === 1 && (capacity === undefined || capacity === 1) ? "" : ` (${weight} of ${capacity ?? "?"})`;
    const shown = heldBy.slice(0, 3).map((id) => this.task(id));
    const more = heldBy.length > shown.length ? ` and ${heldBy.length - shown.length} more` : "";
    const holders = shown.length === 0 ? "" : `, held by ${shown.join(", ")}${more}`;
    const until = deadline === null ? "" : `, gives up in ${span(deadline)}`;
    return `${labelOf(kind, name)}${much}${holders}${until}`;
  }

  /** `holds semaphore "db"`, of a task that does not wait. */
  heldBy({ held }: TaskSnapshot): string {
    if (held.length === 0) return "";
    return `(holds ${held.map(({ resource }) => this.#label(resource)).join(", ")})`;
  }

  /** One task in two or three lines. */
  line(id: number): string {
    const task = this.#tasks.get(id);
    if (task === undefined) return `  #${id}`;
    const wait = task.wait === null ? task.state : `waits ${span(task.wait.age)} for ${this.wait(task)}`;
    const holds =
      task.held.length === 0 ? "" : `; it holds ${task.held.map((each) => this.#label(each.resource)).join(", ")}`;
    const site = task.site === null ? "" : `\n      made at ${task.site}`;
    return `  ${this.task(id)} ${wait}${holds}${site}`;
  }

  #label(id: number): string {
    const resource = this.#resources.get(id);
    return resource === undefined ? `#${id}` : labelOf(resource.kind, resource.name);
  }
}
