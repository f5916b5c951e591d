export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** A promise with its ends in the test's hands. A rejection that nobody awaits is no unhandled one. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** Resolves in a new macrotask: when no microtask is left. */
export function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export type Outcome<T> =
  | { readonly status: "pending" }
  | { readonly status: "fulfilled"; readonly value: T }
  | { readonly status: "rejected"; readonly reason: unknown };

/** What has become of `promise` once every microtask has run; marks a rejection as handled. */
export async function outcome<T>(promise: PromiseLike<T>): Promise<Outcome<T>> {
  const observed = observe(promise);
  await drained();
  return observed.outcome;
}

/** Follows `promise`: `outcome` is up to date after each microtask. Marks a rejection as handled. */
export function observe<T>(promise: PromiseLike<T>): { readonly outcome: Outcome<T> } {
  const observed: { outcome: Outcome<T> } = { outcome: { status: "pending" } };
  promise.then(
    (value) => {
      observed.outcome = { status: "fulfilled", value };
    },
    (reason: unknown) => {
      observed.outcome = { status: "rejected", reason };
    },
  );
  return observed;
}

/** Lets that many microtasks pass, and no more: to come between two steps of what is tested. */
export async function microtasks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await Promise.resolve();
}
