import { toMilliseconds } from "../duration.ts";
import { checkFunction, checkInteger, SnowshedError } from "../errors.ts";
import { scopeOf } from "./abort.ts";
import { HeldPermit } from "./permit.ts";
import type { Permit } from "./permit.ts";
import type { AcquireOptions } from "./semaphore.ts";
import { Semaphore } from "./semaphore.ts";

export interface OwnerOptions {
  /** Who holds: an object (compared by identity), a symbol or a text. */
  readonly owner: object | symbol | string;
}

/** What one owner has. */
interface Holding {
  /** Permits taken from the semaphore. */
  permits: number;
  /** Units acquired and not released yet, nested ones included. */
  units: number;
}

interface OwnerStorage {
  getStore(): object | undefined;
  run<T>(owner: object, task: () => T): T;
}

/**
 * A {@link Semaphore} whose holder may acquire again without waiting and without taking more permits: for code that
 * calls itself, where the plain one would wait for itself for ever. The permits go back when all has been released.
 *
 * `run()` knows the holder by `AsyncLocalStorage`, created when first needed, or by `owner`; so all that is started inside
 * `run()` shares its permits until they have gone back. What enters after that holds for itself. `acquire()`,
 * `tryAcquire()`, `permit()` and `release()` need `owner`.
 *
 * Costs more than the plain semaphore: use it only where re-entry cannot be avoided.
 *
 * @example
 * ```ts
 * import { ReentrantSemaphore } from "snowshed";
 *
 * const lock = new ReentrantSemaphore(1);
 * const read = (): Promise<number> => lock.run(() => 41);
 * const answer = await lock.run(async () => (await read()) + 1); // A plain Semaphore(1) would never answer.
 * console.log(answer); // 42
 * ```
 */
export class ReentrantSemaphore {
  readonly #semaphore: Semaphore;
  readonly #holdings = new Map<OwnerOptions["owner"], Holding>();
  #storage: OwnerStorage | undefined;

  constructor(permits: number, options: { readonly name?: string } = {}) {
    this.#semaphore = new Semaphore(permits, options);
  }

  /** What its permits are taken from. @internal */
  get semaphore(): Semaphore {
    return this.#semaphore;
  }

  get name(): string | undefined {
    return this.#semaphore.name;
  }

  /** How many units there are in all. */
  get permits(): number {
    return this.#semaphore.permits;
  }

  /** How many units are free for new holders. */
  get available(): number {
    return this.#semaphore.available;
  }

  /** How many units are held; those that a holder takes again are not counted again. */
  get held(): number {
    return this.#semaphore.held;
  }

  /** How many callers wait. */
  get pending(): number {
    return this.#semaphore.pending;
  }

  /** See `Semaphore.resize`. */
  resize(permits: number): void {
    this.#semaphore.resize(permits);
  }

  /**
   * Takes `weight` units for `owner` without waiting: if it holds that many permits already, or they are free and nobody
   * waits. `weight` is an integer of at least 0.
   */
  tryAcquire(weight: number = 1, options: OwnerOptions): boolean {
    const owner = requireOwner(options);
    checkInteger(weight, "weight", 0);
    const holding = this.#holdings.get(owner);
    if (holding === undefined) {
      if (!this.#semaphore.tryAcquire(weight)) return false;
      this.#hold(owner, weight);
    } else {
      if (weight > holding.permits) return false;
      holding.units += weight;
    }
    return true;
  }

  /**
   * Takes `weight` units for `owner`: at once if it holds that many permits already. Rejects as `Semaphore.acquire()`
   * does, and with `SNOWSHED_NEVER_FITS` if `owner` holds permits, but fewer: two holders that wait for more would wait
   * for each other.
   */
  async acquire(weight: number = 1, options: AcquireOptions & OwnerOptions): Promise<void> {
    const owner = requireOwner(options);
    checkInteger(weight, "weight", 0);
    const scope = scopeOf(options?.signal);
    if (options?.timeout !== undefined) toMilliseconds(options.timeout, "timeout");
    if (scope?.isAborted) throw scope.abortReason;
    // Holds from the call on, when it need not wait: also for what this owner calls before it awaits this.
    if (this.tryAcquire(weight, options)) return;
    const holding = this.#holdings.get(owner);
    if (holding !== undefined) {
      const message = `weight ${weight} exceeds the ${holding.permits} permits that its owner holds already`;
      throw new SnowshedError("SNOWSHED_NEVER_FITS", message);
    }
    await this.#semaphore.acquire(weight, options);
    this.#hold(owner, weight);
  }

  /** Gives back `weight` units of `owner`. More than it holds is an error (`SNOWSHED_OVER_RELEASE`) and changes nothing. */
  release(weight: number = 1, options: OwnerOptions): void {
    const owner = requireOwner(options);
    checkInteger(weight, "weight", 0);
    if (weight === 0) return;
    const holding = this.#holdings.get(owner);
    if (holding === undefined || weight > holding.units) {
      const message = `released ${weight} of the ${holding?.units ?? 0} units that this owner holds`;
      throw new SnowshedError("SNOWSHED_OVER_RELEASE", message);
    }
    holding.units -= weight;
    if (holding.units > 0) return;
    this.#holdings.delete(owner);
    this.#semaphore.release(holding.permits);
  }

  /** Like {@link ReentrantSemaphore.acquire}, with a permit that knows how to give itself back: for `using`. */
  async permit(weight: number = 1, options: AcquireOptions & OwnerOptions): Promise<Permit> {
    const owner = requireOwner(options);
    await this.acquire(weight, options);
    return new HeldPermit(this.#semaphore, weight, () => this.release(weight, { owner }));
  }

  /**
   * Runs `task` while holding `options.weight` units (default 1), and gives them back when it has ended, either way.
   * Without `owner`, what runs inside an outer `run()` without `owner` is part of that one; `SNOWSHED_NO_OWNER` where there
   * is no `AsyncLocalStorage` to know it by. Inside one with `owner`, name the same owner again: else it waits for itself.
   */
  async run<T>(
    task: () => T | PromiseLike<T>,
    options?: AcquireOptions & Partial<OwnerOptions> & { readonly weight?: number | undefined },
  ): Promise<T> {
    checkFunction(task, "task");
    const weight = options?.weight ?? 1;
    const storage = options?.owner === undefined ? (this.#storage ??= openStorage()) : undefined;
    const outer = storage?.getStore();
    // One that has ended is nobody's any more: all that an escaped task starts would be let in together.
    const owner = options?.owner ?? (outer !== undefined && this.#holdings.has(outer) ? outer : {});
    await this.acquire(weight, { ...options, owner });
    try {
      return await (storage === undefined ? task() : storage.run(owner as object, task));
    } finally {
      this.release(weight, { owner });
    }
  }

  #hold(owner: OwnerOptions["owner"], weight: number): void {
    // Who holds nothing has nothing to share, and nothing to give back.
    if (weight === 0) return;
    const holding = this.#holdings.get(owner);
    if (holding === undefined) this.#holdings.set(owner, { permits: weight, units: weight });
    else {
      // Two waits of one owner at the same time: neither was a holder when it began.
      holding.permits += weight;
      holding.units += weight;
    }
  }
}

function requireOwner(options: OwnerOptions | undefined): OwnerOptions["owner"] {
  const owner: unknown = options?.owner;
  // Functions and classes are objects, too.
  if (Object(owner) === owner || typeof owner === "symbol" || typeof owner === "string") return owner as object;
  const message = "acquire(), tryAcquire(), permit() and release() need { owner }: only run() knows who calls";
  throw new SnowshedError("SNOWSHED_NO_OWNER", message);
}

/** Not imported: this file also loads where there is no `node:async_hooks`, and there `run()` works with `owner`. */
function openStorage(): OwnerStorage {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(id: string): { AsyncLocalStorage: new () => OwnerStorage } | undefined };
  };
  const hooksModule = process?.getBuiltinModule?.("node:async_hooks");
  if (hooksModule === undefined) {
    const message = "run() without { owner } needs AsyncLocalStorage, which this runtime does not have";
    throw new SnowshedError("SNOWSHED_NO_OWNER", message);
  }
  return new hooksModule.AsyncLocalStorage();
}
