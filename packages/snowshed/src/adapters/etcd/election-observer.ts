import type { Context } from "../../concurrency/context.ts";
import type { Fence } from "../../throttle/lease-permit.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { toBackendError } from "./etcd-failures.ts";
import type { KeyValue, WatchEvent } from "./etcd-messages.ts";
import type { KeysListener } from "./prefix-watch.ts";
import { PrefixWatch } from "./prefix-watch.ts";
import { SemaphoreView } from "./semaphore-view.ts";

/** Who leads. */
export interface EtcdLeader {
  /** Of this leadership: another one of the same process has another. */
  readonly id: string;
  readonly value: string;
  readonly fence: Fence;
}

/** @internal */
export function leaderOf(view: SemaphoreView): EtcdLeader | undefined {
  for (const { id, proposal = "" } of view.places.values()) {
    const [fence] = view.fences(id);
    if (fence !== undefined) return { id, value: proposal, fence };
  }
  return undefined;
}

/** What has not been told yet. */
type News = { readonly leader: EtcdLeader | undefined } | { readonly error: unknown };

/** The latest of what has happened, for one who asks for it. */
class Observer implements KeysListener {
  readonly #connection: EtcdConnection;
  readonly #view: SemaphoreView;
  #told: EtcdLeader | undefined | null = null;
  #news: News | null = null;
  #wake: (() => void) | null = null;
  #cancelDown: (() => void) | null = null;

  constructor(connection: EtcdConnection, prefix: string) {
    this.#connection = connection;
    this.#view = new SemaphoreView(prefix);
  }

  adopt(kvs: readonly KeyValue[], revision: bigint): void {
    this.#view.adopt(kvs, revision);
    this.#look();
  }

  apply(events: readonly WatchEvent[]): void {
    this.#view.apply(events);
    this.#look();
  }

  connected(): void {
    this.#cancelDown?.();
    this.#cancelDown = null;
  }

  disconnected(error: unknown): void {
    const { clock, timeout } = this.#connection;
    this.#cancelDown ??= clock.setTimeout(() => this.failed(toBackendError("not reached", error)), timeout);
  }

  failed(error: unknown): void {
    this.#tell({ error });
  }

  stop(): void {
    this.#cancelDown?.();
  }

  async next(context: Context): Promise<EtcdLeader | undefined> {
    while (this.#news === null) {
      context.throwIfAborted();
      await new Promise<void>((resolve) => {
        const stop = context.onAbort(() => resolve());
        this.#wake = () => {
          stop();
          resolve();
        };
      });
    }
    const news = this.#news;
    if ("error" in news) throw news.error;
    this.#news = null;
    this.#told = news.leader;
    return news.leader;
  }

  #look(): void {
    const leader = leaderOf(this.#view);
    const before = this.#told;
    const isSame =
      before !== null &&
      before?.id === leader?.id &&
      before?.value === leader?.value &&
      before?.fence.token === leader?.fence.token;
    if (!isSame) this.#tell({ leader });
    else if (this.#news !== null && "leader" in this.#news) this.#news = null;
  }

  #tell(news: News): void {
    this.#news = news;
    this.#wake?.();
    this.#wake = null;
  }
}

/** @internal */
export async function* observeLeaders(
  connection: EtcdConnection,
  prefix: string,
  context: Context,
): AsyncGenerator<EtcdLeader | undefined, void, undefined> {
  const observer = new Observer(connection, prefix);
  const watch = new PrefixWatch(connection, prefix, observer);
  watch.start();
  try {
    for (;;) yield await observer.next(context);
  } finally {
    watch.close();
    observer.stop();
  }
}
