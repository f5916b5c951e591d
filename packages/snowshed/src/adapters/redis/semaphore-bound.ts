import type { Expiring } from "../../overload/expiry.ts";

/** Of one whose answer is waited for. @internal */
export class Bound implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly expire: () => void;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}
