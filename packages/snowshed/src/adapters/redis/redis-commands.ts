import type { Clock } from "../../clock.ts";
import type { SnowshedError } from "../../errors.ts";
import { ExpiryList } from "../../overload/expiry.ts";
import { Bound } from "./bound.ts";
import type { RedisPort, Script } from "./port.ts";
import { failureOf, unavailable } from "./redis-failures.ts";

/** The scripts of one quota or window: each is answered, or rejected, within `timeout` ms. @internal */
export class RedisCommands {
  readonly #port: RedisPort;
  readonly #clock: Clock;
  readonly #bounds: ExpiryList;
  /** For messages: `the quota "mail"`. */
  readonly #label: string;

  constructor(port: RedisPort, timeout: number, clock: Clock, label: string) {
    this.#port = port;
    this.#clock = clock;
    this.#bounds = new ExpiryList(clock, timeout);
    this.#label = label;
  }

  /**
   * Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`, or with `SNOWSHED_FATAL` if the server refused for good. `onLate` gets an
   * answer that comes after that.
   */
  run(
    script: Script,
    key: string,
    args: readonly (string | number)[],
    onLate?: (reply: unknown) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let isOver = false;
      const bound = new Bound(() => {
        isOver = true;
        reject(this.unanswered(this.#bounds.ms));
      });
      this.#bounds.add(bound, this.#clock.now());
      // A client may throw where it should reject.
      Promise.resolve()
        .then(() => this.#port.run(script, [key], args))
        .then(
          (reply) => {
            if (isOver) return onLate?.(reply);
            this.#bounds.remove(bound);
            resolve(reply);
          },
          (error: unknown) => {
            this.#bounds.remove(bound);
            reject(failureOf(this.#label, error));
          },
        );
    });
  }

  /** What a caller gets whose own time ended before an answer came. */
  unanswered(ms: number): SnowshedError {
    return unavailable(this.#label, `no answer within ${ms} ms`);
  }
}
