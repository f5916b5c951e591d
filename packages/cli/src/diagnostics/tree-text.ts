import type { createColors } from "picocolors";
import { span } from "../locks/locks-text.ts";
import { labelOf, Names } from "./dump-text.ts";
import type { Dump, TaskSnapshot } from "./dump-types.ts";

interface Scope {
  readonly id: number;
  readonly tasks: TaskSnapshot[];
}

/** A line to write: `branch` stands before it, `below` before what hangs under it. */
interface Line {
  readonly branch: string;
  readonly below: string;
  readonly content: Scope | TaskSnapshot;
}

/** Branches deeper than this are shown at this depth: an endless chain must not take endless space. */
const deepest = 40;

/** Scopes with their tasks, and below a task the scopes of the tasks that it made. */
export function treeText(dump: Dump, limit: number, colors: ReturnType<typeof createColors>): string {
  const names = new Names(dump);
  const scopes = scopesOf(dump.tasks);
  const shown = new Set<number>();
  const lines: string[] = [];
  const label = (scope: Scope): string => {
    const resource = names.resource(scope.id);
    return colors.bold(resource === undefined ? `scope #${scope.id}` : labelOf(resource.kind, resource.name));
  };
  const walk = (roots: readonly Scope[]): void => {
    const work: Line[] = roots.map((content) => ({ branch: "", below: "", content })).toReversed();
    // With a stack of its own: a chain of ten thousand tasks is no reason to fail.
    for (let line = work.pop(); line !== undefined && shown.size < limit; line = work.pop()) {
      const { branch, below, content } = line;
      if ("tasks" in content) {
        lines.push(branch + label(content));
        work.push(...hanging(content.tasks, below));
      } else if (!shown.has(content.id)) {
        shown.add(content.id);
        lines.push(branch + taskText(content, names, colors));
        work.push(...hanging(scopes.get(content.id) ?? [], below));
      }
    }
  };
  walk(scopes.get(null) ?? []);
  // Tasks that made each other in a circle: in a forged dump alone.
  for (const { id } of dump.tasks) if (!shown.has(id)) walk(scopes.get(id) ?? []);
  const hidden = Math.max(dump.totals.tasksLive, dump.tasks.length) - shown.size;
  if (hidden > 0) lines.push(colors.dim(`… and ${hidden} more tasks: --limit shows more of them`));
  return lines.length === 0 ? colors.dim("no live tasks") : lines.join("\n");
}

/** By the task that made their tasks; null: none that lives, or not known. */
function scopesOf(tasks: readonly TaskSnapshot[]): Map<number | null, Scope[]> {
  const ids = new Set(tasks.map(({ id }) => id));
  const scopes = new Map<number | null, Map<number, Scope>>();
  for (const task of tasks) {
    const parent = task.parent !== null && ids.has(task.parent) ? task.parent : null;
    const ofParent = scopes.get(parent) ?? new Map<number, Scope>();
    scopes.set(parent, ofParent);
    const scope = ofParent.get(task.scope) ?? { id: task.scope, tasks: [] };
    ofParent.set(task.scope, scope);
    scope.tasks.push(task);
  }
  return new Map([...scopes].map(([parent, ofParent]) => [parent, [...ofParent.values()]]));
}

/** What hangs under a line, for a stack: the last first. */
function hanging(contents: readonly (Scope | TaskSnapshot)[], before: string): Line[] {
  const indent = before.slice(0, deepest * 3);
  const lines = contents.map((content, index) => {
    const isLast = index === contents.length - 1;
    return { branch: `${indent}${isLast ? "└─ " : "├─ "}`, below: `${indent}${isLast ? "   " : "│  "}`, content };
  });
  return lines.toReversed();
}

function taskText(task: TaskSnapshot, names: Names, colors: ReturnType<typeof createColors>): string {
  const { id, name, state, age } = task;
  const label = `${name} #${id} [${state}, ${span(age)}]`;
  const wait = task.wait === null ? names.heldBy(task) : `waits for ${names.wait(task)}`;
  return `${state === "leaked" ? colors.red(label) : label}${wait === "" ? "" : `  ${wait}`}`;
}
