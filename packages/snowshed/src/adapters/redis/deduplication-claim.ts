import type { Clock } from "../../clock.ts";
import type { EventIdentity } from "../../delivery/deduplication-store.ts";
import { deduplicationScript } from "./lua/deduplication-script.ts";
import type { RedisCommands } from "./redis-commands.ts";

/** @internal */
export interface ClaimSettings {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly lease: number;
  readonly retention: number;
}

/** What Redis said to who wants to run an effect. @internal */
export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly token: bigint }
  | { readonly kind: "busy"; readonly left: number }
  | { readonly kind: "done" }
  | { readonly kind: "expired" };

/** How much faster a clock may run than another one. */
const drift = 0.01;

/** The right to run the effect of one event, for as long as it is renewed. @internal */
export class DeduplicationClaim {
  readonly #commands: RedisCommands;
  readonly #settings: ClaimSettings;
  readonly #key: string;
  readonly #id: string;
  readonly #at: string;
  #cancelRenewal: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;
  #onLost: () => void = () => {};
  /** By the local clock: the lease ends on the server no sooner. */
  #validUntil = Number.NEGATIVE_INFINITY;
  #isOver = false;

  constructor(commands: RedisCommands, settings: ClaimSettings, key: string, id: string, event: EventIdentity) {
    this.#commands = commands;
    this.#settings = settings;
    this.#key = key;
    this.#id = id;
    this.#at = event.at === undefined ? "" : String(event.at);
  }

  async ask(): Promise<ClaimAnswer> {
    const { clock, lease, retention } = this.#settings;
    const sent = clock.now();
    const [kind, detail] = (await this.#run("claim", lease, retention, this.#at)) as readonly (string | number)[];
    if (kind === "busy") return { kind, left: Number(detail) };
    if (kind !== "claimed") return { kind: kind === "done" ? "done" : "expired" };
    this.#validUntil = sent + lease * (1 - drift);
    return { kind, token: BigInt(detail ?? 0) };
  }

  /** Renews it every third of a lease; `onLost` is told when it may have ended on the server. */
  keep(onLost: () => void): void {
    this.#onLost = onLost;
    this.#armRenewal();
    this.#watch();
  }

  /** It is renewed no more. */
  stop(): void {
    this.#isOver = true;
    this.#cancelRenewal?.();
    this.#cancelWatch?.();
  }

  /**
   * Marks the event, trying for as long as the claim may hold, once at least. Resolves with whether nobody else had it
   * meanwhile.
   */
  async done(): Promise<boolean> {
    const { clock, retention } = this.#settings;
    for (let delay = 20; ; delay *= 2) {
      try {
        return Number(await this.#run("done", retention, this.#at)) === 1;
      } catch (error) {
        if (clock.now() + delay >= this.#validUntil) throw error;
        await new Promise<void>((resolve) => {
          clock.setTimeout(resolve, delay);
        });
      }
    }
  }

  /** Gives it back. If Redis does not answer, it ends with its lease. */
  async release(): Promise<void> {
    await this.#run("release").catch(() => {});
  }

  #armRenewal(): void {
    if (this.#isOver) return;
    const { clock, lease } = this.#settings;
    this.#cancelRenewal = clock.setTimeout(() => {
      const sent = clock.now();
      this.#run("renew", lease).then(
        (answer) => {
          if (Number(answer) !== 1) return this.#end();
          this.#validUntil = sent + lease * (1 - drift);
          this.#armRenewal();
        },
        () => this.#armRenewal(),
      );
    }, lease / 3);
  }

  /** By the local clock alone: no answer of the server is needed to know that it may be over. */
  #watch(): void {
    const { clock } = this.#settings;
    const left = this.#validUntil - clock.now();
    if (left <= 0) this.#end();
    else if (!this.#isOver) this.#cancelWatch = clock.setTimeout(() => this.#watch(), left);
  }

  #end(): void {
    if (this.#isOver) return;
    this.stop();
    this.#onLost();
  }

  #run(operation: string, ...args: readonly (string | number)[]): Promise<unknown> {
    return this.#commands.run(deduplicationScript, this.#key, [operation, this.#id, ...args]);
  }
}
