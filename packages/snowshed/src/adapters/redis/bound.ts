import type { Expiring } from "../../overload/expiry.ts";

/** When the wait for an answer ends, in a list of such. @internal */
export class Bound implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  readonly expire: () => void;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}
