import type { Clock } from "../../clock.ts";

/** How long after its headers a response is a long one, in milliseconds. */
const long = 1000;

/** A response that has begun. */
interface BegunResponse {
  readonly headersAt: number;
  /** It takes long: its place must go to others. */
  becameLong(): void;
}

/**
 * Finds responses that go on long after their headers: downloads, streams, clients that read slowly. One timer for all,
 * and only while there are any: most have ended when it first looks.
 *
 * @internal
 */
export class LongResponses {
  readonly #clock: Clock;
  /** In the order in which their headers went out. */
  readonly #begun = new Set<BegunResponse>();
  #armed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(response: BegunResponse): void {
    this.#begun.add(response);
    if (!this.#armed) this.#arm(long);
  }

  delete(response: BegunResponse): void {
    this.#begun.delete(response);
  }

  #arm(ms: number): void {
    this.#armed = true;
    this.#clock.setTimeout(() => this.#look(), ms, false);
  }

  #look(): void {
    this.#armed = false;
    const now = this.#clock.now();
    for (const response of this.#begun) {
      const left = response.headersAt + long - now;
      if (left > 0) return this.#arm(left);
      this.#begun.delete(response);
      response.becameLong();
    }
  }
}
