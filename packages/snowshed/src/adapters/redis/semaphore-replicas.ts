import { SnowshedError } from "../../errors.ts";
import type { DedicatedPort, RedisPort } from "./port.ts";
import type { Clock } from "../../clock.ts";
import type { SemaphoreCommands } from "./semaphore-commands.ts";
import type { HeldLease } from "./semaphore-lease.ts";

/** What of the hub is needed here. */
interface CommandHost {
  readonly clock: Clock;
  readonly key: string;
  readonly lease: number;
  command(args: readonly (string | number)[], port: RedisPort): Promise<unknown>;
  readonly commands: Pick<SemaphoreCommands, "bounded" | "unavailable">;
  beatOf(operation: "p", held: readonly string[], waiting: readonly never[]): (string | number)[];
}

/**
 * Asks whether enough replicas have what was granted. On a connection of its own: WAIT makes all that comes behind it
 * wait, too, and answers only for what its own connection wrote. So each grant is renewed there, and then waited for.
 *
 * @internal
 */
export class ReplicaCheck {
  readonly #port: RedisPort;
  readonly #count: number;
  readonly #timeout: number;
  #connection: Promise<DedicatedPort> | null = null;

  constructor(port: RedisPort, count: number, timeout: number) {
    this.#port = port;
    this.#count = count;
    this.#timeout = timeout;
  }

  /** Rejects with `SNOWSHED_REPLICATION_FAILED` if too few have it. */
  async confirm(hub: CommandHost, lease: HeldLease): Promise<void> {
    const connection = (this.#connection ??= this.#port.dedicated(hub.key));
    let copies: number;
    try {
      const dedicated = await connection;
      const at = hub.clock.now();
      const date = hub.clock.date();
      await hub.command(hub.beatOf("p", [lease.id], []), dedicated);
      if (lease.lost !== null) throw lease.lost;
      lease.extend(at, date, hub.lease);
      copies = await hub.commands.bounded(dedicated.wait(this.#count, this.#timeout), this.#timeout);
    } catch (error) {
      // Another one next time: what became of this one is not known.
      if (this.#connection === connection) this.#connection = null;
      void connection.then((dedicated) => dedicated.close()).catch(() => {});
      throw hub.commands.unavailable(error);
    }
    if (copies >= this.#count) return;
    const message = `${copies} of ${this.#count} replicas had the lease of "${lease.holder.name}" after ${this.#timeout} ms`;
    throw new SnowshedError("SNOWSHED_REPLICATION_FAILED", message);
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.then((dedicated) => dedicated.close()).catch(() => {});
  }
}
