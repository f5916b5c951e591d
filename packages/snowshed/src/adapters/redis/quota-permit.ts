import type { QuotaLine } from "./quota-line.ts";
import type { Grant } from "./quota-state.ts";
import type { RedisQuotaPermit } from "./redis-quota-options.ts";

/** @internal */
export class GrantedPermit implements RedisQuotaPermit {
  readonly weight: number;
  readonly #line: QuotaLine;
  readonly #grant: Grant;
  #refunded: Promise<void> | null = null;

  constructor(line: QuotaLine, grant: Grant) {
    this.weight = grant.weight;
    this.#line = line;
    this.#grant = grant;
  }

  /** From when on it might go, in microseconds by the clock of the Redis server. */
  get at(): number {
    return this.#grant.at;
  }

  refund(): Promise<void> {
    return (this.#refunded ??= this.#line.refund(this.#grant));
  }

  [Symbol.dispose](): void {}
}
