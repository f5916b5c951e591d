import { WeightedWaiter } from "./waiting-line.ts";
import type { QuotaPermit } from "./quota-options.ts";
import type { Sent } from "./server-window.ts";

interface RefundHost {
  refund(permit: SpentPermit): void;
}

/** What was spent, and when: of a caller, or of a call by `run()`. @internal */
export class SpentPermit implements QuotaPermit, Sent {
  readonly weight: number;
  readonly band: number;
  /** Microseconds. */
  readonly at: number;
  /** How many units the quota had spent then, these included: what brings its permits in order. */
  readonly mark: number;
  readonly host: RefundHost;
  #isRefunded = false;

  constructor(host: RefundHost, weight: number, band: number, at: number, mark: number) {
    this.host = host;
    this.weight = weight;
    this.band = band;
    this.at = at;
    this.mark = mark;
  }

  refund(): void {
    if (this.#isRefunded) return;
    this.#isRefunded = true;
    this.host.refund(this);
  }

  [Symbol.dispose](): void {}
}

/** Its promise is resolved with what was spent for it. @internal */
export class QuotaWaiter extends WeightedWaiter {
  declare before: QuotaWaiter | null;
  declare after: QuotaWaiter | null;
  permit: SpentPermit | null = null;

  protected override get value(): unknown {
    return this.permit;
  }
}
