import type { Grant } from "./quota-state.ts";
import type { RedisQuotaPermit } from "./redis-quota-options.ts";

/** Where units are given back. @internal */
export interface RefundHost {
  refund(grant: Grant): Promise<void>;
}

/** @internal */
export class GrantedPermit implements RedisQuotaPermit {
  readonly weight: number;
  readonly #host: RefundHost;
  readonly #grant: Grant;
  #refunded: Promise<void> | null = null;

  constructor(host: RefundHost, grant: Grant) {
    this.weight = grant.weight;
    this.#host = host;
    this.#grant = grant;
  }

  /** From when on it might go, in microseconds by the clock of the Redis server. */
  get at(): number {
    return this.#grant.at;
  }

  refund(): Promise<void> {
    return (this.#refunded ??= this.#host.refund(this.#grant));
  }

  [Symbol.dispose](): void {}
}
