// Random calls of a pipeline, and what they came to. Used by the property tests; what is checked is up to those.
import { getEventListeners } from "node:events";
import fc from "fast-check";
import type { Classification, Context, Pipeline, Priority } from "snowshed";
import { Context as ContextClass, FatalError, TransientError } from "snowshed";
import { FakeClock } from "snowshed/testing";
import type { AbortScope } from "../../src/concurrency/abort.ts";

const kinds = ["ok", "transient", "overload", "fatal", "ignore"] as const;

export interface Behaviour {
  readonly kind: (typeof kinds)[number];
  /** Milliseconds; `undefined`: it ends when it is told to, if at all. */
  readonly duration: number | undefined;
  /** Whether it ends when its context aborts. */
  readonly obeys: boolean;
  /** Not even a promise: it returns or throws at once. */
  readonly isSynchronous: boolean;
  /** Returns a response instead of throwing. */
  readonly answers: boolean;
}

export interface Caller {
  readonly begins: number;
  /** Milliseconds after its beginning; 0: its first body aborts it, synchronously. */
  readonly aborts: number | undefined;
  readonly signal: "context" | "native";
  readonly priority: Priority | undefined;
  /** Of its attempts, in turn; the last one for all further ones. */
  readonly behaviours: readonly Behaviour[];
}

// Different parts of a millisecond for what is due, so that no two things happen at the same time: which of them goes
// first then is nobody's promise.
const durations = fc.nat(60).map((ms) => ms + 0.000_131);
const begins = fc.nat(100).map((ms) => ms + 0.007_717);
const aborts = fc.nat(120).map((ms) => (ms === 0 ? 0 : ms + 0.000_593));

const behaviours = fc.record({
  kind: fc.constantFrom(...kinds),
  duration: fc.option(durations, { nil: undefined, freq: 6 }),
  obeys: fc.boolean(),
  isSynchronous: fc.integer({ min: 0, max: 4 }).map((value) => value === 0),
  answers: fc.boolean(),
});

export const callers: fc.Arbitrary<Caller> = fc.record({
  begins,
  aborts: fc.option(aborts, { nil: undefined, freq: 2 }),
  signal: fc.constantFrom("context", "native"),
  priority: fc.constantFrom<Priority | undefined>(undefined, "high", "low", { band: "normal", user: "ada" }),
  behaviours: fc.array(behaviours, { minLength: 1, maxLength: 5 }),
});

/** What became of one call. */
export interface Result {
  began: number;
  settledAt: number | undefined;
  /** How often it settled: 1. */
  settled: number;
  outcome: string;
  /** When each of its bodies began. */
  readonly attempts: number[];
  abortedAt: number | undefined;
}

/** The scene that calls are played in. */
export class Scene {
  readonly clock = new FakeClock();
  readonly root: Context = ContextClass.root({ clock: this.clock });
  readonly results: Result[] = [];
  /** Bodies that have begun and not ended. */
  alive = 0;
  /** Of these, those that sleep on the clock. */
  asleep = 0;
  /** What does not add up. */
  readonly problems: string[] = [];
  /** Called at the beginning of each body, when it is counted as alive. */
  onBody: (context: Context, result: Result) => void = () => {};
  /** Ends the bodies that would never end. */
  readonly #releases = new Set<() => void>();
  readonly #parents: (() => number)[] = [];

  /** Plays `caller` from now on; `run` makes the call. `signals: false`: without a signal, if it never aborts. */
  begin(caller: Caller, run: Run, hasSignal: boolean = true): void {
    const { clock } = this;
    const result: Result = {
      began: clock.now(),
      settledAt: undefined,
      settled: 0,
      outcome: "pending",
      attempts: [],
      abortedAt: undefined,
    };
    this.results.push(result);
    const { signal, abort } = this.#parent(caller);
    const cancel = (): void => {
      if (result.settled === 0) result.abortedAt = clock.now();
      abort();
    };
    let first = true;
    const task = (context: Context): unknown => {
      const { behaviours: all } = caller;
      const behaviour = all[Math.min(result.attempts.length, all.length - 1)]!;
      result.attempts.push(clock.now());
      if (first && caller.aborts === 0) cancel();
      first = false;
      this.alive++;
      this.onBody(context, result);
      return this.#body(behaviour, context, result.attempts.length);
    };
    const settle = (outcome: string): void => {
      result.settled++;
      result.settledAt = clock.now();
      result.outcome = outcome;
    };
    const observed = run(task, { signal: hasSignal ? signal : undefined, priority: caller.priority });
    observed.then(
      (value) => settle(describe(value)),
      (error: unknown) => settle(`thrown ${describe(error)}`),
    );
    // By hand and not by the clock, whose timers are counted.
    if (caller.aborts !== undefined && caller.aborts > 0) this.#later.push({ at: clock.now() + caller.aborts, cancel });
  }

  readonly #later: { readonly at: number; readonly cancel: () => void }[] = [];

  /** Plays all of `all`, and goes on for `ms` after the last has begun; `look` is called at least once a millisecond. */
  async play(
    all: readonly Caller[],
    run: Run,
    ms: number,
    look: () => void = () => {},
    hasSignal?: boolean,
  ): Promise<void> {
    const { clock } = this;
    // None at the same time as another; see above.
    const waiting = all
      .map((caller, index) => ({ ...caller, begins: caller.begins + index / 1e5 }))
      .toSorted((one, two) => one.begins - two.begins);
    const end = (waiting.at(-1)?.begins ?? 0) + ms;
    while (clock.now() < end) {
      const next = Math.min(clock.now() + 1, waiting[0]?.begins ?? end, ...this.#later.map(({ at }) => at));
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(Math.max(0, next - clock.now()));
      while (waiting[0] !== undefined && waiting[0].begins <= clock.now()) this.begin(waiting.shift()!, run, hasSignal);
      for (const due of this.#later.filter(({ at }) => at <= clock.now())) {
        this.#later.splice(this.#later.indexOf(due), 1);
        due.cancel();
      }
      // oxlint-disable-next-line no-await-in-loop
      await clock.advance(0);
      look();
    }
  }

  /** Ends the bodies that never end. */
  async release(): Promise<void> {
    for (const release of this.#releases) release();
    await this.clock.advance(0);
  }

  /** How much hangs on the callers' signals. */
  get linked(): number {
    return this.#parents.reduce((sum, count) => sum + count(), 0);
  }

  #parent(caller: Caller): { signal: AbortSignal | Context; abort: () => void } {
    if (caller.signal === "native") {
      const controller = new AbortController();
      this.#parents.push(() => getEventListeners(controller.signal, "abort").length);
      return { signal: controller.signal, abort: () => controller.abort("gone") };
    }
    const context = this.root.withCancel();
    this.#parents.push(() => {
      let count = 0;
      for (let node = (context as unknown as AbortScope).head; node !== null; node = node.next) count++;
      return count;
    });
    return { signal: context, abort: () => context.cancel("gone") };
  }

  #body(behaviour: Behaviour, context: Context, attempt: number): unknown {
    const end = (): unknown => {
      this.alive--;
      const outcome = outcomeOf(behaviour, attempt);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    if (behaviour.isSynchronous) return end();
    return new Promise((resolve, reject) => {
      let cancelTimer = (): void => {};
      let over = false;
      const finish = (settle: () => void): void => {
        if (over) return;
        over = true;
        if (behaviour.duration !== undefined) this.asleep--;
        cancelTimer();
        stop();
        this.#releases.delete(release);
        settle();
      };
      const release = (): void =>
        finish(() => {
          try {
            resolve(end());
          } catch (error) {
            reject(error);
          }
        });
      this.#releases.add(release);
      if (behaviour.duration !== undefined) {
        this.asleep++;
        cancelTimer = this.clock.setTimeout(release, behaviour.duration);
      }
      const stop = behaviour.obeys
        ? context.onAbort((reason) =>
            finish(() => {
              this.alive--;
              reject(reason);
            }),
          )
        : () => {};
    });
  }
}

/** Makes a call: that of a pipeline, or of what stands for one. */
export type Run = (
  task: (context: Context) => unknown,
  options: { readonly signal: AbortSignal | Context | undefined; readonly priority: Priority | undefined },
) => Promise<unknown>;

export function runOf(pipeline: Pipeline): Run {
  return (task, options) => pipeline.run(task, options);
}

const statuses: Readonly<Record<Classification, number>> = {
  ok: 200,
  transient: 502,
  overload: 503,
  fatal: 404,
  ignore: 499,
};

function outcomeOf({ kind, answers }: Behaviour, attempt: number): unknown {
  if (answers) return { status: statuses[kind], headers: {}, attempt };
  switch (kind) {
    case "ok":
      return `value ${attempt}`;
    case "transient":
      return new TransientError(`attempt ${attempt}`);
    case "overload":
      return Object.assign(new Error(`attempt ${attempt}`), { code: "EMFILE" });
    case "fatal":
      return new FatalError(`attempt ${attempt}`);
    case "ignore":
      return Object.assign(new Error(`attempt ${attempt}`), { name: "AbortError" });
  }
}

/** Without the message of a deadline, which says whose it was. */
function describe(outcome: unknown): string {
  if (typeof outcome === "string") return outcome;
  const { status, attempt, code, name, message } = outcome as Readonly<Record<string, string | number | undefined>>;
  if (status !== undefined) return `response ${String(status)} of attempt ${String(attempt)}`;
  const own = String(message).startsWith("attempt") && !String(message).includes("took") ? String(message) : "";
  return [String(code ?? name), own].join(" ").trim();
}
