import type { Clock } from "../../clock.ts";
import { SnowshedError } from "../../errors.ts";
import { FatalError } from "../../overload/classified-errors.ts";
import { classify } from "../../overload/classify.ts";
import type { Expiring } from "../../overload/expiry.ts";
import { ExpiryList } from "../../overload/expiry.ts";
import type { RedisPort, Script } from "./port.ts";

/** The scripts of one quota or window: each is answered, or rejected, within `timeout` ms. @internal */
export class RedisCommands {
  readonly #port: RedisPort;
  readonly #clock: Clock;
  readonly #deadlines: ExpiryList;
  /** For messages: `the quota "mail"`. */
  readonly #label: string;

  constructor(port: RedisPort, timeout: number, clock: Clock, label: string) {
    this.#port = port;
    this.#clock = clock;
    this.#deadlines = new ExpiryList(clock, timeout);
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
      const deadline = new CommandDeadline(() => {
        deadline.isOver = true;
        reject(this.#unavailable(`no answer within ${this.#deadlines.ms} ms`));
      });
      this.#deadlines.add(deadline, this.#clock.now());
      // A client may throw where it should reject.
      Promise.resolve()
        .then(() => this.#port.run(script, [key], args))
        .then(
          (reply) => {
            if (deadline.isOver) return onLate?.(reply);
            this.#deadlines.remove(deadline);
            resolve(reply);
          },
          (error: unknown) => {
            this.#deadlines.remove(deadline);
            reject(this.#failure(error));
          },
        );
    });
  }

  /** What a caller gets whose own time ended before an answer came. */
  unanswered(ms: number): SnowshedError {
    return this.#unavailable(`no answer within ${ms} ms`);
  }

  #failure(error: unknown): SnowshedError {
    const said = error instanceof Error ? error.message : String(error);
    const isRefusal = isReply(error) && classify(error) === "fatal";
    if (isRefusal) return new FatalError(`${this.#label}: Redis refused: ${said}`, { cause: error });
    return this.#unavailable(said, { cause: error });
  }

  #unavailable(why: string, options?: ErrorOptions): SnowshedError {
    return new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", `${this.#label} cannot ask Redis: ${why}`, options);
  }
}

/** What the server said, and not the client: those begin with a word in capitals. */
function isReply(error: unknown): boolean {
  return error instanceof Error && /^[A-Z][A-Z]+ /.test(error.message);
}

class CommandDeadline implements Expiring {
  before: Expiring | null = null;
  after: Expiring | null = null;
  due = 0;
  isOver = false;
  readonly expire: () => void;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}
