import { Redis } from "ioredis";
import type { RedisSemaphoreOptions } from "snowshed/redis";
import { RedisSemaphore } from "snowshed/redis";
import { vi } from "vitest";

// Servers on a busy machine: no test is about the time that it takes.
vi.setConfig({ testTimeout: 60_000 });

/** The semaphores of a test, each as if in a process of its own: on a client of its own. */
export class Processes {
  readonly #port: () => number;
  readonly #clients: Redis[] = [];
  readonly #semaphores: RedisSemaphore[] = [];
  #names = 0;
  /** Of the semaphore of the present test. */
  name = "";

  constructor(port: () => number) {
    this.#port = port;
  }

  begin(): void {
    this.name = `jobs-${this.#names++}`;
  }

  client(options: object = {}): Redis {
    const client = new Redis({ host: "127.0.0.1", port: this.#port(), ...options });
    // What it says of a connection that is cut on purpose.
    client.on("error", () => {});
    this.#clients.push(client);
    return client;
  }

  semaphore(options: RedisSemaphoreOptions, client: Redis = this.client()): RedisSemaphore {
    const semaphore = new RedisSemaphore(client, this.name, options);
    this.#semaphores.push(semaphore);
    return semaphore;
  }

  get key(): string {
    return `{snowshed:${this.name}}`;
  }

  async end(): Promise<void> {
    const closing = this.#semaphores.splice(0).map((each) => each.close({ timeout: 0 }).catch(() => {}));
    await Promise.race([Promise.all(closing), new Promise((resolve) => setTimeout(resolve, 1000))]);
    for (const client of this.#clients.splice(0)) client.disconnect();
  }
}
