import type { Expiring } from "../../overload/expiry.ts";
import type { MintedEvent } from "../../delivery/event.ts";

/** Events that were sent together, and whoever waits for them. @internal */
export class PendingSend implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly events: readonly MintedEvent[];
  /** Whether the client has them. */
  isSent = false;
  stopListening: (() => boolean) | null = null;
  #isSettled = false;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  readonly #onExpire: (isSent: boolean) => void;

  constructor(
    events: readonly MintedEvent[],
    resolve: () => void,
    reject: (error: unknown) => void,
    onExpire: (isSent: boolean) => void,
  ) {
    this.events = events;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onExpire = onExpire;
  }

  expire(): void {
    this.#onExpire(this.isSent);
  }

  resolve(): void {
    if (this.#settle()) this.#resolve();
  }

  /** Whether somebody still waited. */
  reject(error: unknown): boolean {
    const isFirst = this.#settle();
    if (isFirst) this.#reject(error);
    return isFirst;
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.stopListening?.();
    return true;
  }
}
