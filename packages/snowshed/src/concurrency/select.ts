import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { invalidArgument } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { AbortCallback, scopeOf } from "./abort.ts";
import type { Channel, ChannelOperationOptions } from "./channel.ts";
import { ChannelWaiter } from "./channel.ts";

/** Made by {@link receive}. */
export interface ReceiveCase<T> {
  readonly kind: "receive";
  readonly channel: Channel<T>;
}

/** Made by {@link send}. */
export interface SendCase<T> {
  readonly kind: "send";
  readonly channel: Channel<T>;
  readonly value: T;
}

/** An operation that `select()` can choose. `null` and `undefined` stand for one that is switched off. */
export type SelectCase = ReceiveCase<unknown> | SendCase<unknown> | null | undefined;

/** Which case took place: `index` counts switched-off cases, too; `value` and `done` are what a receive got. */
export type Selected<Cases extends readonly SelectCase[]> = {
  [Index in keyof Cases]: Cases[Index] extends ReceiveCase<infer T>
    ? { readonly index: IndexOf<Index>; readonly done: false; readonly value: T } | Ended<IndexOf<Index>>
    : Cases[Index] extends SendCase<infer _T>
      ? { readonly index: IndexOf<Index>; readonly done: false; readonly value: undefined }
      : never;
}[number];

interface Ended<Index> {
  readonly index: Index;
  readonly done: true;
  readonly value: undefined;
}
type IndexOf<Key> = Key extends `${infer Index extends number}` ? Index : number;

/**
 * The case that receives from `channel`: ready when a value is there, or the channel is closed.
 *
 * @example
 * ```ts
 * import { Channel, receive, select } from "snowshed";
 *
 * const numbers = new Channel<number>(1);
 * numbers.trySend(7);
 * console.log((await select([receive(numbers)])).value); // 7
 * ```
 */
export function receive<T>(channel: Channel<T>): ReceiveCase<T> {
  return { kind: "receive", channel };
}

/**
 * The case that sends `value` to `channel`: ready when there is room or a receiver, or the channel is closed.
 *
 * @example
 * ```ts
 * import { Channel, select, send } from "snowshed";
 *
 * const full = new Channel<string>();
 * const roomy = new Channel<string>(1);
 * console.log((await select([send(full, "a"), send(roomy, "a")])).index); // 1
 * ```
 */
export function send<T>(channel: Channel<T>, value: T): SendCase<T> {
  return { kind: "send", channel, value };
}

/**
 * Does exactly one of the operations: of those that are ready one chosen at random, else the first to become ready. The
 * others leave no trace.
 *
 * Rejects with `SNOWSHED_CHANNEL_CLOSED` if the chosen case sends to a closed channel, with the cancellation when
 * `signal` aborts. If every case is switched off and there is no `signal`, nothing could ever end the wait: that is an
 * argument error.
 *
 * @example
 * ```ts
 * import { Channel, receive, select } from "snowshed";
 *
 * const jobs = new Channel<string>(1);
 * const stop = new Channel<never>();
 * await jobs.send("resize");
 * const chosen = await select([receive(jobs), receive(stop)]);
 * if (chosen.index === 0) console.log(chosen.value); // resize
 * ```
 */
export function select<const Cases extends readonly SelectCase[]>(
  cases: Cases,
  options?: ChannelOperationOptions,
): Promise<Selected<Cases>> {
  const scope = scopeOf(options?.signal);
  if (scope?.isAborted) return Promise.reject(scope.abortReason);
  return new Promise((resolve, reject) => {
    const ready = chooseReady(cases, scope?.clock ?? systemClock);
    if (ready !== undefined) return resolve(ready as Selected<Cases>);
    if (scope === null && !cases.some(Boolean)) {
      throw invalidArgument(TypeError, "cases", "not all switched off when there is no signal", cases);
    }
    const withdrawals: (() => void)[] = [];
    const leaveAll = (): void => {
      onAbort.stop();
      for (const withdraw of withdrawals) withdraw();
    };
    const onAbort = new AbortCallback(() => {
      leaveAll();
      reject(scope!.abortReason);
    });
    for (const [index, operation] of cases.entries()) {
      if (!operation) continue;
      const queue = operation.kind === "send" ? operation.channel.senders : operation.channel.receivers;
      const waiter: ChannelWaiter = new ChannelWaiter(
        operation.kind === "send" ? operation.value : undefined,
        (result = { done: false, value: undefined }) => {
          leaveAll();
          resolve({ index, done: result.done ?? false, value: result.value } as Selected<Cases>);
        },
        (error) => {
          leaveAll();
          reject(error);
        },
      );
      queue.push(waiter);
      hooks?.blocked(operation.channel, 1, waiter);
      // The channel has taken the winner out already.
      withdrawals.push(() => {
        if (!queue.has(waiter)) return;
        queue.remove(waiter);
        hooks?.unblocked(operation.channel, waiter, false);
      });
    }
    scope?.link(onAbort);
  });
}

/**
 * Like {@link select} if an operation is ready, else `undefined`. Throws `SNOWSHED_CHANNEL_CLOSED` if the chosen one sends
 * to a closed channel.
 *
 * @example
 * ```ts
 * import { Channel, receive, trySelect } from "snowshed";
 *
 * console.log(trySelect([receive(new Channel<number>())])); // undefined
 * ```
 */
export function trySelect<const Cases extends readonly SelectCase[]>(cases: Cases): Selected<Cases> | undefined {
  return chooseReady(cases, systemClock) as Selected<Cases> | undefined;
}

function chooseReady(cases: readonly SelectCase[], clock: Clock): Selected<readonly SelectCase[]> | undefined {
  const ready: number[] = [];
  for (const [index, operation] of cases.entries()) {
    if (operation && (operation.kind === "send" ? operation.channel.sendable : operation.channel.receivable)) {
      ready.push(index);
    }
  }
  if (ready.length === 0) return undefined;
  const index = ready[Math.floor(clock.random() * ready.length)]!;
  const operation = cases[index]!;
  if (operation.kind === "send") {
    operation.channel.trySend(operation.value);
    return { index, done: false, value: undefined } as never;
  }
  return { index, ...operation.channel.tryReceive()! } as never;
}
