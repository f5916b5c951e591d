import type { DedicatedPort, RedisPort, Script } from "./port.ts";
import type { RedisConnection, RedisConnector } from "./redis-connector.ts";

/** What a server says that has not run the script, because it is not, or no longer, the master of its keys. */
const isElsewhere = /^(?:MOVED|ASK|READONLY)\b/;

/** One connection at a time; when it has ended, or its server is no longer the master, the next `run()` makes another. @internal */
export class DedicatedConnection implements DedicatedPort {
  readonly isSharded: boolean;
  readonly #port: RedisPort;
  readonly #connector: RedisConnector;
  readonly #key: string;
  #current: Promise<RedisConnection> | null = null;
  /** Which one ran the latest script, while it has not ended. */
  #written: RedisConnection | null = null;
  #isClosed = false;

  constructor(port: RedisPort, connector: RedisConnector, key: string) {
    this.isSharded = port.isSharded;
    this.#port = port;
    this.#connector = connector;
    this.#key = key;
  }

  async run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#runOnce(script, keys, args);
    } catch (error) {
      if (!(error instanceof Error && isElsewhere.test(error.message))) throw error;
      this.#drop();
      return this.#runOnce(script, keys, args);
    }
  }

  append(key: string, value: string): Promise<unknown> {
    return this.#port.append(key, value);
  }

  async wait(count: number, ms: number): Promise<number> {
    if (this.#written === null) throw new Error("the connection that wrote has ended");
    return this.#written.wait(count, ms);
  }

  subscribe(
    channel: string,
    onMessage: (message: string) => void,
    onRejoin?: () => void,
  ): Promise<() => Promise<void>> {
    return this.#port.subscribe(channel, onMessage, onRejoin);
  }

  dedicated(key: string): Promise<DedicatedPort> {
    return this.#port.dedicated(key);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#drop();
    return Promise.resolve();
  }

  async #runOnce(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const connection = await (this.#current ?? this.#connect());
    this.#written = connection;
    return connection.run(script, keys, args);
  }

  #connect(): Promise<RedisConnection> {
    if (this.#isClosed) return Promise.reject(new Error("the dedicated connection is closed"));
    const onEnd = (): void => {
      if (this.#current === current) this.#current = this.#written = null;
    };
    const current = this.#connector.connect(this.#key, { onMessage: () => {}, onEnd });
    this.#current = current;
    current.catch(onEnd);
    return current;
  }

  #drop(): void {
    const current = this.#current;
    this.#current = this.#written = null;
    current?.then((connection) => connection.close()).catch(() => {});
  }
}
