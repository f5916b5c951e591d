import type { GraphHolding, GraphResource, GraphTask, GraphWait } from "../../src/diagnostics/wait-graph.ts";

export interface ModelStep {
  /** `await`: waits until all tasks of a group have ended; `semaphore` is then the group's number, `weight` nothing. */
  readonly kind: "acquire" | "release" | "await";
  readonly semaphore: number;
  readonly weight: number;
  /** The wait, if there is one, ends by itself. */
  readonly timeout: boolean;
}

export interface ModelTask {
  readonly steps: readonly ModelStep[];
  /** `anonymous`: the watcher does not know who it is. `leaked`: never takes another step once it is `frozen`. */
  readonly kind: "known" | "anonymous" | "leaked";
  readonly group: number;
}

interface Waiting {
  readonly task: number;
  readonly weight: number;
  readonly timeout: boolean;
}

export interface ModelState {
  /** Of each task: which step is next. */
  readonly at: number[];
  /** Of each task: what it holds of each semaphore. */
  readonly held: number[][];
  readonly queues: Waiting[][];
  /** Who waits for the end of each group. */
  readonly ends: Waiting[][];
}

/** Semaphores as they are in the library, and tasks that go through their steps in any order among each other. */
export class Model {
  readonly capacities: readonly number[];
  readonly tasks: readonly ModelTask[];

  constructor(capacities: readonly number[], tasks: readonly ModelTask[]) {
    this.capacities = capacities;
    this.tasks = tasks;
  }

  start(): ModelState {
    return {
      at: this.tasks.map(() => 0),
      held: this.tasks.map(() => this.capacities.map(() => 0)),
      queues: this.capacities.map(() => []),
      ends: this.#groups.map(() => []),
    };
  }

  get #groups(): readonly number[] {
    return [0, 1];
  }

  waits(state: ModelState, task: number): boolean {
    return [...state.queues, ...state.ends].some((queue) => queue.some((waiting) => waiting.task === task));
  }

  /** The next step of a task that does not wait; `undefined` when it has none. */
  step(state: ModelState, task: number): ModelState | undefined {
    const step = this.tasks[task]!.steps[state.at[task]!];
    if (step === undefined || this.waits(state, task)) return undefined;
    const next = structuredClone(state);
    next.at[task]!++;
    const { semaphore, weight } = step;
    if (step.kind === "release") {
      next.held[task]![semaphore]! -= Math.min(weight, next.held[task]![semaphore]!);
      this.#serve(next, semaphore);
    } else if (step.kind === "await") {
      next.ends[semaphore]!.push({ task, weight: 1, timeout: step.timeout });
    } else if (weight <= this.capacities[semaphore]!) {
      next.queues[semaphore]!.push({ task, weight, timeout: step.timeout });
      this.#serve(next, semaphore);
    }
    this.#endGroups(next);
    return next;
  }

  /** A task that does not wait gives everything back and ends. */
  quit(state: ModelState, task: number): ModelState | undefined {
    if (this.waits(state, task)) return undefined;
    const next = structuredClone(state);
    next.at[task] = this.tasks[task]!.steps.length;
    next.held[task] = this.capacities.map(() => 0);
    for (const semaphore of this.capacities.keys()) this.#serve(next, semaphore);
    this.#endGroups(next);
    return next;
  }

  /** Waits of `task` with a timeout end. */
  giveUp(state: ModelState, task: number): ModelState | undefined {
    const leaves = (waiting: Waiting): boolean => waiting.task === task && waiting.timeout;
    if (![...state.queues, ...state.ends].some((queue) => queue.some(leaves))) return undefined;
    const next = structuredClone(state);
    for (const [group, queue] of next.ends.entries()) next.ends[group] = queue.filter((waiting) => !leaves(waiting));
    for (const [semaphore, queue] of next.queues.entries()) {
      next.queues[semaphore] = queue.filter((waiting) => !leaves(waiting));
      this.#serve(next, semaphore);
    }
    this.#endGroups(next);
    return next;
  }

  /** A task has ended when it has no step left, and no wait either. */
  ended(state: ModelState, task: number): boolean {
    return state.at[task]! >= this.tasks[task]!.steps.length && !this.waits(state, task);
  }

  /** Who waited for the end of a group goes on. Until nothing changes: that may end the task itself, and its group. */
  #endGroups(state: ModelState): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const [group, queue] of state.ends.entries()) {
        const live = [...this.tasks.keys()].some(
          (task) => this.tasks[task]!.group === group && !this.ended(state, task),
        );
        if (queue.length === 0 || live) continue;
        state.ends[group] = [];
        changed = true;
      }
    }
  }

  #serve(state: ModelState, semaphore: number): void {
    const queue = state.queues[semaphore]!;
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      const taken = state.held.reduce((sum, held) => sum + held[semaphore]!, 0);
      if (taken + first.weight > this.capacities[semaphore]!) return;
      queue.shift();
      state.held[first.task]![semaphore]! += first.weight;
    }
  }

  /** The tasks that wait and go on in no state that can be reached, whatever the others do: by trying everything. */
  stuck(state: ModelState, mayMove: (task: number) => boolean): number[] {
    const never = new Set([...this.tasks.keys()].filter((task) => this.waits(state, task)));
    const seen = new Set([JSON.stringify(state)]);
    const open = [state];
    for (let current = open.pop(); current !== undefined && never.size > 0; current = open.pop()) {
      for (const task of this.tasks.keys()) {
        if (!this.waits(current, task)) never.delete(task);
        if (!mayMove(task)) continue;
        for (const next of [this.step(current, task), this.quit(current, task), this.giveUp(current, task)]) {
          if (next === undefined) continue;
          const key = JSON.stringify(next);
          if (seen.has(key)) continue;
          seen.add(key);
          open.push(next);
        }
      }
    }
    return [...never];
  }

  /** The state as a watcher knows it. The ids of tasks are their numbers. */
  graph(state: ModelState): { readonly tasks: GraphTask[]; readonly waits: GraphWait[] } {
    const resource = (id: number, kind: GraphResource["kind"], capacity: number): GraphResource & Lending => {
      return { id, kind, capacity, holdings: { head: null } };
    };
    const groups = this.#groups.map((group) => resource(100 + group, "group", Number.POSITIVE_INFINITY));
    const semaphores = this.capacities.map((capacity, id) => resource(id, "semaphore", capacity));
    const tasks = this.tasks.map(({ kind, group }, id): GraphTask => {
      return {
        id,
        leaked: kind === "leaked" && !this.waits(state, id) && !this.ended(state, id),
        scope: groups[group]!,
      };
    });
    const known = (task: number): GraphTask | null => (this.tasks[task]!.kind === "anonymous" ? null : tasks[task]!);
    for (const [task, held] of state.held.entries()) {
      const holder = known(task);
      if (holder === null) continue;
      for (const [id, semaphore] of semaphores.entries()) if (held[id]! > 0) lend(semaphore, holder, held[id]!);
    }
    const waitsIn = (queues: readonly Waiting[][], resources: readonly GraphResource[]): GraphWait[] =>
      queues.flatMap((queue, id) =>
        queue.map(({ task, weight, timeout }) => {
          return { resource: resources[id]!, weight, task: known(task), since: 0, hasTimeoutOrSignal: timeout };
        }),
      );
    return { tasks, waits: [...waitsIn(state.queues, semaphores), ...waitsIn(state.ends, groups)] };
  }
}

interface Lending {
  readonly holdings: { head: GraphHolding | null };
}

/** Once for each task. */
export function lend({ holdings }: Lending, task: GraphTask, weight: number): void {
  holdings.head = { task, weight, after: holdings.head };
}
