import type { Clock } from "../../clock.ts";
import { SnowshedError } from "../../errors.ts";
import { ExpiryList } from "../../overload/expiry.ts";
import { semaphoreScript } from "./lua/semaphore-script.ts";
import type { RedisPort } from "./port.ts";
import { isAll } from "./semaphore-protocol.ts";
import { failureOf, unavailable } from "./redis-failures.ts";
import { Bound } from "./bound.ts";

/** Asks the server, and waits for no answer for longer than `timeout` ms. @internal */
export class SemaphoreCommands {
  readonly port: RedisPort;
  /** Of those whose answer is waited for. */
  readonly bounds: ExpiryList;
  readonly #label: string;
  readonly #keys: readonly string[];
  readonly #clock: Clock;
  /** The user may run scripts, and not APPEND. */
  #isDenied = false;

  constructor(port: RedisPort, name: string, keys: readonly string[], timeout: number, clock: Clock) {
    this.port = port;
    this.bounds = new ExpiryList(clock, timeout);
    this.#label = `the semaphore "${name}"`;
    this.#keys = keys;
    this.#clock = clock;
  }

  run(args: readonly (string | number)[], port: RedisPort = this.port): Promise<unknown> {
    return port.run(semaphoreScript, this.#keys, args);
  }

  /** `answer`, or an error when it does not come in time, and in `longer` ms more. */
  bounded<T>(answer: Promise<T>, longer: number = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      const bound = new Bound(() => reject(this.unavailable()));
      let cancelTimer: (() => void) | null = null;
      if (longer === 0) this.bounds.add(bound, this.#clock.now());
      else cancelTimer = this.#clock.setTimeout(bound.expire, this.bounds.ms + longer);
      const settle = (): void => {
        if (cancelTimer === null) this.bounds.remove(bound);
        else cancelTimer();
      };
      answer.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          reject(this.unavailable(error));
        },
      );
    });
  }

  /**
   * Gives back by the cheapest command there is, unless somebody waits or it cannot be had: then by the script, which
   * `ask` runs. Calls `ended` before it resolves or rejects. `id`: `null` if the server has taken it back already.
   */
  giveBack(id: string | null, someWait: boolean, ask: () => Promise<unknown>, ended: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (id === null) {
        ended();
        return resolve();
      }
      let isSettled = false;
      const settle = (error: SnowshedError | null): void => {
        if (isSettled) return;
        isSettled = true;
        this.bounds.remove(bound);
        ended();
        if (error === null) resolve();
        else reject(error);
      };
      const bound = new Bound(() => settle(this.unavailable()));
      this.bounds.add(bound, this.#clock.now());
      const script = (): void => {
        ask().then(
          () => settle(null),
          (error: unknown) => settle(this.unavailable(error)),
        );
      };
      if (someWait || this.#isDenied) return script();
      this.port.append(this.#keys[0]!, `\n${id} `).then(
        (length) => (isAll(length) ? settle(null) : script()),
        (error: unknown) => {
          this.#isDenied = error instanceof Error && error.message.startsWith("NOPERM");
          script();
        },
      );
    });
  }

  neverFits(weight: number, permits: number): SnowshedError {
    return new SnowshedError(
      "SNOWSHED_NEVER_FITS",
      `weight ${weight} exceeds the ${permits} permits of ${this.#label}`,
    );
  }

  /** What a caller gets when the client rejects, or nothing comes. */
  unavailable(cause?: unknown): SnowshedError {
    return cause === undefined ? unavailable(this.#label, "no answer in time") : failureOf(this.#label, cause);
  }
}
