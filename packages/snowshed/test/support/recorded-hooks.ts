import type { Hooks } from "../../src/hooks.ts";

/** A watcher that hears nothing: for one that is made of a few of the calls. */
export const deafHooks: Hooks = {
  resourceCreated() {},
  resourceResized() {},
  blocked() {},
  unblocked() {},
  acquired() {},
  released() {},
  calledOff() {},
  permitCreated() {},
  permitReleased() {},
  taskCreated() {},
  taskStarted() {},
  runTask: (_task, body) => body(),
  taskPromise() {},
  taskEnded() {},
  awaited() {},
  sleepStarted() {},
  sleepEnded() {},
  misuse() {},
};

/** Records what the primitives report, and finds what does not add up. */
export class RecordedHooks implements Hooks {
  /** Of these the record counts and forgets: what they are good for has tests of its own. */
  readonly #permits = new Set<object>();
  readonly #sleeps = new Set<object>();
  #running = 0;
  /** In order: the event, and of tasks, resources and waits what tells them apart. */
  readonly events: string[] = [];
  readonly problems: string[] = [];
  readonly #resources = new Map<object, { readonly name: string; held: number }>();
  readonly #waits = new Map<object, object>();
  readonly #tasks = new Map<object, { readonly name: string; state: "created" | "started" | "ended" }>();

  resourceCreated(resource: object, kind: string, name: string | undefined, capacity: number): void {
    if (this.#resources.has(resource)) this.problems.push(`${kind} created twice`);
    this.#resources.set(resource, { name: name ?? kind, held: 0 });
    this.#record("resourceCreated", kind, name ?? "", capacity);
  }

  resourceResized(resource: object, capacity: number): void {
    this.#record("resourceResized", this.#nameOf(resource), capacity);
  }

  blocked(resource: object, weight: number, wait: object): void {
    if (this.#waits.has(wait)) this.problems.push(`${this.#nameOf(resource)}: one wait is blocked twice`);
    this.#waits.set(wait, resource);
    this.#record("blocked", this.#nameOf(resource), weight);
  }

  unblocked(resource: object, wait: object, granted: boolean): void {
    if (this.#waits.get(wait) !== resource) this.problems.push(`${this.#nameOf(resource)}: unblocked without blocked`);
    this.#waits.delete(wait);
    this.#record("unblocked", this.#nameOf(resource), granted);
  }

  acquired(resource: object, weight: number): void {
    this.#hold(resource, weight);
    this.#record("acquired", this.#nameOf(resource), weight);
  }

  released(resource: object, weight: number): void {
    if (this.#hold(resource, -weight) < 0) this.problems.push(`${this.#nameOf(resource)}: released more than acquired`);
    this.#record("released", this.#nameOf(resource), weight);
  }

  taskCreated(task: object, scope: object, name: string): void {
    if (this.#tasks.has(task)) this.problems.push(`task ${name} created twice`);
    this.#tasks.set(task, { name, state: "created" });
    this.#record("taskCreated", this.#nameOf(scope), name);
  }

  taskStarted(task: object): void {
    this.#move(task, "started", ["created"]);
  }

  taskEnded(task: object, outcome: "fulfilled" | "rejected" | "skipped"): void {
    this.#move(task, "ended", outcome === "skipped" ? ["created"] : ["started"], outcome);
  }

  runTask<T>(task: object, body: () => T): T {
    if (this.#tasks.get(task)?.state !== "started") this.problems.push("a task that is not started runs");
    this.#running++;
    try {
      return body();
    } finally {
      this.#running--;
    }
  }

  taskPromise(task: object, promise: Promise<unknown>): void {
    if (!this.#tasks.has(task)) this.problems.push("an unknown task promises");
    if (!(promise instanceof Promise)) this.problems.push("no promise");
  }

  calledOff(wait: object): void {
    if (this.#waits.has(wait)) this.problems.push("a wait is called off that still lasts");
    this.#record("calledOff");
  }

  permitCreated(permit: object, resource: object, weight: number): void {
    this.#permits.add(permit);
    this.#record("permitCreated", this.#nameOf(resource), weight);
  }

  permitReleased(permit: object): void {
    if (!this.#permits.delete(permit)) this.problems.push("an unknown permit released");
    this.#record("permitReleased");
  }

  awaited(scope: object): void {
    this.#record("awaited", this.#nameOf(scope));
  }

  sleepStarted(sleep: object, ms: number): void {
    this.#sleeps.add(sleep);
    this.#record("sleepStarted", ms);
  }

  sleepEnded(sleep: object): void {
    if (!this.#sleeps.delete(sleep)) this.problems.push("an unknown sleep ended");
    this.#record("sleepEnded");
  }

  misuse(code: string, detail: string): void {
    this.#record("misuse", code, detail);
  }

  /** Problems so far, and what has begun and not ended: nothing, when all work is done. */
  get open(): string[] {
    return [
      ...this.problems,
      ...Array.from(this.#permits, () => "a permit not released"),
      ...Array.from(this.#sleeps, () => "somebody sleeps"),
      ...(this.#running === 0 ? [] : ["a body has not returned"]),
      ...Array.from(this.#waits.values(), (resource) => `somebody waits for ${this.#nameOf(resource)}`),
      ...[...this.#resources.values()]
        .filter(({ held }) => held > 0)
        .map(({ name, held }) => `${held} of ${name} held`),
      ...[...this.#tasks.values()]
        .filter(({ state }) => state !== "ended")
        .map(({ name, state }) => `${name} ${state}`),
    ];
  }

  #nameOf(resource: object): string {
    const known = this.#resources.get(resource);
    if (known === undefined) this.problems.push("an unknown resource");
    return known?.name ?? "unknown";
  }

  #hold(resource: object, weight: number): number {
    const known = this.#resources.get(resource);
    return known === undefined ? 0 : (known.held += weight);
  }

  #move(task: object, to: "started" | "ended", from: readonly string[], outcome?: string): void {
    const known = this.#tasks.get(task);
    if (known === undefined) this.problems.push(`an unknown task ${to}`);
    else {
      if (!from.includes(known.state)) this.problems.push(`task ${known.name} ${to} when ${known.state}`);
      known.state = to;
    }
    this.#record(
      to === "started" ? "taskStarted" : "taskEnded",
      known?.name ?? "unknown",
      ...(outcome ? [outcome] : []),
    );
  }

  #record(...parts: readonly unknown[]): void {
    this.events.push(parts.join(" ").replace("  ", " "));
  }
}
