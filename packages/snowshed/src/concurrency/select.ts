import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import { invalidArgument } from "../errors.ts";
import { hooks } from "../hooks.ts";
import { AbortCallback, patienceOf, scopeOf } from "./abort.ts";
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
  [Index in keyof Cases]: SelectedCase<Cases[Index], IndexOf<Index>>;
}[number];

/** Distributes over what may stand at one index: one case or another, or `null`. */
type SelectedCase<Case, Index> =
  Case extends ReceiveCase<infer T>
    ? { readonly index: Index; readonly done: false; readonly value: T } | Ended<Index>
    : Case extends SendCase<infer _T>
      ? { readonly index: Index; readonly done: false; readonly value: undefined }
      : never;

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
  checkChannel(channel);
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
export function send<T>(channel: Channel<T>, value: NoInfer<T>): SendCase<T> {
  checkChannel(channel);
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
  checkCases(cases);
  const scope = scopeOf(options?.signal);
  if (scope === null && !cases.some(Boolean)) {
    throw invalidArgument(TypeError, "cases", "not all switched off when there is no signal", cases);
  }
  if (scope?.isAborted) return Promise.reject(scope.abortReason);
  return new Promise((resolve, reject) => {
    const ready = chooseReady(cases, scope?.clock ?? systemClock);
    if (ready !== undefined) return resolve(ready as Selected<Cases>);
    const withdrawals: (() => void)[] = [];
    const leaveAll = (): void => {
      onAbort.stop();
      for (const withdraw of withdrawals) withdraw();
    };
    const onAbort = new AbortCallback((why) => {
      leaveAll();
      reject(why.reason);
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
      hooks?.blocked(operation.channel, 1, waiter, patienceOf(scope));
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
  checkCases(cases);
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
    return { index, done: false, value: undefined };
  }
  return { index, ...operation.channel.tryReceive()! };
}

function checkCases(cases: readonly SelectCase[]): void {
  if (!Array.isArray(cases)) throw invalidArgument(TypeError, "cases", "an array", cases);
  for (const operation of cases as readonly SelectCase[]) {
    if (!operation) continue;
    if (operation.kind !== "send" && operation.kind !== "receive") {
      throw invalidArgument(TypeError, "cases", "made by receive() and send()", operation);
    }
    checkChannel(operation.channel);
  }
}

function checkChannel(channel: unknown): void {
  // Not instanceof: a channel of another copy of the package will do.
  if (typeof (channel as Partial<Channel<unknown>> | null | undefined)?.tryReceive === "function") return;
  throw invalidArgument(TypeError, "channel", "a Channel", channel);
}
