import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { CanceledError, DeadlineExceededError, invalidArgument, toCancellation } from "../errors.ts";

// The machinery under Context, and all that a primitive needs in order to take `signal`: an intrusive tree of scopes
// (things that abort) and nodes (things to be told). AbortSignal is not built on: linking two of them costs
// microseconds, each listener on a shared one makes the next dearer, and some Nodes lose aborts of composed ones.

/** Something that is told when the scope it is linked into aborts. */
export abstract class AbortNode {
  /** The scope it is linked into, or null. @internal */
  source: AbortScope | null = null;
  /** @internal */
  previous: AbortNode | null = null;
  /** @internal */
  next: AbortNode | null = null;

  /** Called by the abort, once the whole subtree is marked. @internal */
  abstract notify(why: Cancellation): void;
}

/** Calls back inside the abort itself, when the whole subtree is marked: for code of ours, never for that of users. */
export class AbortCallback extends AbortNode {
  #callback: ((why: Cancellation) => void) | null;

  constructor(callback: (why: Cancellation) => void) {
    super();
    this.#callback = callback;
  }

  /** @internal */
  override notify(why: Cancellation): void {
    this.#callback?.(why);
  }

  /** Takes it back: also in the middle of an abort that has already unlinked it. @internal */
  stop(): void {
    this.#callback = null;
    this.source?.unlink(this);
  }
}

/** Why a scope was aborted. The error is made when somebody first reads it: most cancellations are never looked at. */
export class Cancellation {
  readonly #given: unknown;
  readonly #deadline: boolean;
  #reason: CanceledError | DeadlineExceededError | undefined;

  constructor(given: unknown, deadline: boolean, reason?: CanceledError | DeadlineExceededError) {
    this.#given = given;
    this.#deadline = deadline;
    this.#reason = reason;
  }

  get reason(): CanceledError | DeadlineExceededError {
    const options = this.#given === undefined ? undefined : { cause: this.#given };
    return (this.#reason ??= new (this.#deadline ? DeadlineExceededError : CanceledError)(undefined, options));
  }

  get cause(): unknown {
    return this.#given === undefined ? this.reason : this.#given;
  }
}

/** Something that can be aborted, with the list of what hangs on it. */
export class AbortScope extends AbortNode {
  /** Where the state and the list are: itself, or the scope that this one is only another view of. @internal */
  readonly scope: AbortScope;
  /** @internal */
  readonly clock: Clock;
  /** @internal */
  cancellation: Cancellation | null = null;
  /** @internal */
  head: AbortNode | null = null;
  /** @internal */
  tail: AbortNode | null = null;
  /** Of the native signal, once somebody has asked for that. @internal */
  controller: AbortController | null = null;
  /** Of its own deadline. @internal */
  cancelTimer: (() => void) | null = null;

  protected constructor(clock: Clock, scope?: AbortScope) {
    super();
    this.clock = clock;
    this.scope = scope ?? this;
  }

  /** @internal */
  get isAborted(): boolean {
    return this.cancellation !== null;
  }

  /** Only of an aborted scope. @internal */
  get abortReason(): CanceledError | DeadlineExceededError {
    return this.cancellation!.reason;
  }

  /** @internal */
  link(node: AbortNode): void {
    node.source = this;
    node.previous = this.tail;
    if (this.tail === null) this.head = node;
    else this.tail.next = node;
    this.tail = node;
  }

  /** @internal */
  unlink(node: AbortNode): void {
    if (node.previous === null) this.head = node.next;
    else node.previous.next = node.next;
    if (node.next === null) this.tail = node.previous;
    else node.next.previous = node.previous;
    node.source = node.previous = node.next = null;
  }

  /** Aborts this scope and all below it; the first call counts. @internal */
  abort(why: Cancellation): void {
    if (this.cancellation !== null) return;
    this.source?.unlink(this);
    // First the whole subtree is marked, then everyone is told: nobody can see a half of it.
    const marked: AbortNode[] = [this];
    for (const scope of marked) {
      if (!(scope instanceof AbortScope)) continue;
      scope.cancellation = why;
      let node = scope.head;
      scope.head = scope.tail = null;
      while (node !== null) {
        const { next }: AbortNode = node;
        // Dead links kept alive by an old node would keep young ones alive, too.
        node.source = node.previous = node.next = null;
        marked.push(node);
        node = next;
      }
    }
    for (const node of marked) node.notify(why);
  }

  /** @internal */
  override notify(_why: Cancellation): void {
    this.cancelTimer?.();
  }
}

const once = { once: true };

/** A foreign AbortSignal: one listener, present only while something is linked, told on to everything that is. */
class ForeignScope extends AbortScope {
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal.reason;
    this.abort(new Cancellation(reason, false, toCancellation(reason)));
  };

  constructor(signal: AbortSignal) {
    super(systemClock);
    this.#signal = signal;
  }

  override get isAborted(): boolean {
    // Without a listener nobody tells us: look.
    if (this.#signal.aborted) this.#onAbort();
    return super.isAborted;
  }

  override link(node: AbortNode): void {
    if (this.head === null) this.#signal.addEventListener("abort", this.#onAbort, once);
    super.link(node);
  }

  override unlink(node: AbortNode): void {
    super.unlink(node);
    if (this.head === null) this.#signal.removeEventListener("abort", this.#onAbort);
  }
}

/** The scope of each AbortSignal seen, so that a signal made by a scope leads back to it. @internal */
export const scopes: WeakMap<AbortSignal, AbortScope> = new WeakMap<AbortSignal, AbortScope>();

/** The longest that a wait can last, in milliseconds: `undefined` if an abort may end it. For the hooks. @internal */
export function patienceOf(scope: AbortScope | null, timeout: number = Number.POSITIVE_INFINITY): number | undefined {
  return timeout === Number.POSITIVE_INFINITY && scope !== null ? undefined : timeout;
}

/** What a `signal` option stands for, or `null` when there is none. @internal */
export function scopeOf(signal: AbortSignal | AbortScope | undefined): AbortScope | null {
  if (signal === undefined) return null;
  if (signal instanceof AbortScope) return signal.scope;
  // A Context of another copy of the package is known by its own native signal.
  const native = (signal as { signal?: AbortSignal } | null)?.signal ?? signal;
  let scope = scopes.get(native);
  if (scope === undefined) {
    if (typeof (native as AbortSignal | null)?.addEventListener !== "function") {
      throw invalidArgument(TypeError, "signal", "an AbortSignal or a Context", signal);
    }
    scope = new ForeignScope(native);
    scopes.set(native, scope);
  }
  return scope;
}
