import type { Clock } from "../../clock.ts";
import { Context } from "../../concurrency/context.ts";
import { FatalError } from "../../overload/classified-errors.ts";
import { closedError, interrupted, isAuthDisabled, kindOf, toBackendError, unanswered } from "./etcd-failures.ts";
import type { Procedure } from "./etcd-messages.ts";
import { authenticate } from "./etcd-messages.ts";
import type { GrpcClientLike, GrpcLike } from "./grpc-like.ts";
import { importGrpc } from "./grpc-like.ts";

/** @internal */
export interface Endpoint {
  readonly address: string;
  /** Of this one, by the module. */
  readonly credentials: (grpc: GrpcLike) => unknown;
}

/** @internal */
export interface ConnectionPlan {
  readonly endpoints: readonly Endpoint[];
  readonly user: { readonly name: string; readonly password: string } | undefined;
  /** Milliseconds for a call, all its attempts included. */
  readonly timeout: number;
  readonly grpc: GrpcLike | undefined;
  readonly clock: Clock;
}

/** @internal */
export interface StreamListener<Answer> {
  answer(answer: Answer): void;
  /** Once, whatever ended it, unless it was closed from this side. */
  end(error: unknown): void;
}

const serialize = (value: Uint8Array): Buffer => Buffer.from(value);
const deserialize = (bytes: Buffer): Uint8Array => bytes;

/** Of a channel. The default pause before it connects again grows to two minutes. */
const channelOptions = {
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  // The shortest that etcd allows is 5 s.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5000,
  "grpc.max_receive_message_length": -1,
};

/** Between rounds of attempts, in milliseconds. */
const firstPause = 25;
const longestPause = 400;

/**
 * Calls to one of several endpoints, the next one when it does not answer. Each call ends within its bound.
 *
 * A call may be sent more than once, so what is sent must bear that.
 *
 * @internal
 */
export class EtcdConnection {
  readonly clock: Clock;
  readonly timeout: number;
  readonly #plan: ConnectionPlan;
  readonly #context: Context;
  readonly #channels: (GrpcClientLike | undefined)[];
  /** The endpoint that is asked first. */
  #current = 0;
  #grpc: Promise<GrpcLike> | null = null;
  #token: Promise<string> | null = null;
  /** What is under way, with the endpoint it is at, to be ended with an error. */
  readonly #open = new Map<(error: unknown) => void, number | null>();
  #isClosed = false;
  /** What the latest attempt failed with; `undefined` when it did not. */
  lastFailure: unknown = undefined;

  constructor(plan: ConnectionPlan) {
    this.#plan = plan;
    this.clock = plan.clock;
    this.timeout = plan.timeout;
    this.#context = Context.root({ clock: plan.clock });
    this.#channels = plan.endpoints.map(() => undefined);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The answer, and when the attempt began that it is for. `bound`: how long it may take, in milliseconds.
   *
   * Rejects with `SNOWSHED_BACKEND_UNAVAILABLE`, or with `FatalError` where no other attempt can work; the `cause` is
   * what the last attempt failed with. After a rejection nobody knows whether it was carried out.
   */
  async call<Request, Answer>(
    procedure: Procedure<Request, Answer>,
    request: Request,
    bound: number = this.timeout,
  ): Promise<{ readonly answer: Answer; readonly sentAt: number }> {
    const until = this.clock.now() + bound;
    const bytes = procedure.request.encode(request);
    const { answer, sentAt } = await this.#attempts(procedure, bytes, until, bound, true);
    return { answer: procedure.answer.decode(answer), sentAt };
  }

  /** A stream with one request. Returns the function that closes it. */
  async open<Request, Answer>(
    procedure: Procedure<Request, Answer>,
    request: Request,
    listener: StreamListener<Answer>,
  ): Promise<() => void> {
    const grpc = await this.#module();
    const token = await this.#tokenBy(this.clock.now() + this.timeout, this.timeout);
    if (this.#isClosed) throw closedError();
    const endpoint = this.#current;
    const metadata = this.#metadata(grpc, token);
    // A member that has lost its leader must say so, rather than stay silent.
    metadata.set("hasleader", "true");
    const stream = this.#channel(grpc, endpoint).makeBidiStreamRequest(
      procedure.path,
      serialize,
      deserialize,
      metadata as never,
    );
    let isOver = false;
    const close = (): void => {
      if (isOver) return;
      isOver = true;
      this.#open.delete(end);
      stream.cancel();
    };
    const end = (error: unknown): void => {
      if (isOver) return;
      close();
      this.lastFailure = error;
      const kind = kindOf(error);
      // Another token may do, if this one is too old.
      if (kind === "authenticate") this.#token = null;
      else if (kind === "next endpoint") this.#leave(endpoint, error);
      listener.end(error);
    };
    this.#open.set(end, endpoint);
    stream.on("data", (value) => {
      if (isOver) return;
      try {
        listener.answer(procedure.answer.decode(value));
      } catch (error) {
        end(error);
      }
    });
    stream.on("error", end);
    stream.on("end", () => end(interrupted("the server has ended the stream")));
    stream.write(procedure.request.encode(request));
    return close;
  }

  /** All that is under way ends with an error, and so does all that comes. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = closedError();
    for (const end of this.#open.keys()) end(error);
    for (const channel of this.#channels) channel?.close();
  }

  async #attempts<Request, Answer>(
    procedure: Procedure<Request, Answer>,
    bytes: Uint8Array,
    until: number,
    bound: number,
    withToken: boolean,
  ): Promise<{ readonly answer: Uint8Array; readonly sentAt: number }> {
    const { endpoints } = this.#plan;
    const name = procedure.path.slice(procedure.path.lastIndexOf("/") + 1);
    const grpc = await this.#module();
    let failure: unknown = unanswered(`no answer within ${bound} ms`);
    let pause = firstPause;
    let mayAuthenticate = withToken;
    for (let attempt = 0; ; attempt++) {
      const token = withToken ? await this.#tokenBy(until, bound) : "";
      if (this.#isClosed) throw closedError();
      const sentAt = this.clock.now();
      if (sentAt >= until) throw toBackendError(name, failure);
      const endpoint = this.#current;
      // Its share of the time that is left: others may still have to be asked.
      const share = (until - sentAt) / (endpoints.length - (attempt % endpoints.length));
      try {
        const answer = await this.#attempt(grpc, procedure, bytes, endpoint, share, token);
        this.lastFailure = undefined;
        return { answer, sentAt };
      } catch (error) {
        if (this.#isClosed) throw closedError();
        this.lastFailure = failure = error;
        const kind = kindOf(error);
        if (kind === "authenticate" && mayAuthenticate && this.#plan.user !== undefined) {
          mayAuthenticate = false;
          this.#token = null;
        } else if (kind === "next endpoint") this.#leave(endpoint, error);
        else throw toBackendError(name, error);
      }
      if ((attempt + 1) % endpoints.length > 0) continue;
      // One in a while at random: processes that lost the same server must not come back in step.
      const wait = pause * (0.5 + this.clock.random() / 2);
      pause = Math.min(2 * pause, longestPause);
      await this.#context.sleep(Math.max(0, Math.min(wait, until - this.clock.now())));
    }
  }

  #attempt<Request, Answer>(
    grpc: GrpcLike,
    procedure: Procedure<Request, Answer>,
    bytes: Uint8Array,
    endpoint: number,
    ms: number,
    token: string,
  ): Promise<Uint8Array> {
    const channel = this.#channel(grpc, endpoint);
    const metadata = this.#metadata(grpc, token) as never;
    return new Promise((resolve, reject) => {
      let isOver = false;
      const settle = (): boolean => {
        if (isOver) return false;
        isOver = true;
        cancelTimer();
        this.#open.delete(fail);
        return true;
      };
      const fail = (error: unknown): void => {
        if (!settle()) return;
        call.cancel();
        reject(error);
      };
      const succeed = (value: Uint8Array): void => {
        if (settle()) resolve(value);
      };
      const cancelTimer = this.clock.setTimeout(() => {
        fail(unanswered(`${this.#plan.endpoints[endpoint]!.address} gave no answer within ${Math.round(ms)} ms`));
      }, ms);
      // Not by its endpoint: when that is left, this one may still be answered.
      this.#open.set(fail, null);
      let call: { cancel(): void };
      if (procedure.isStream) {
        const stream = channel.makeBidiStreamRequest(procedure.path, serialize, deserialize, metadata);
        call = stream;
        stream.on("data", succeed);
        stream.on("error", fail);
        stream.on("end", () => fail(interrupted("the server has ended the stream")));
        stream.write(bytes);
        stream.end();
      } else {
        call = channel.makeUnaryRequest(procedure.path, serialize, deserialize, bytes, metadata, {}, (error, value) => {
          if (error === null) succeed(value!);
          else fail(error);
        });
      }
    });
  }

  /** From now on another endpoint is asked first, also by the streams at this one. */
  #leave(endpoint: number, error: unknown): void {
    if (this.#current === endpoint) this.#current = (endpoint + 1) % this.#plan.endpoints.length;
    for (const [end, at] of this.#open) if (at === endpoint) end(error);
  }

  #channel(grpc: GrpcLike, endpoint: number): GrpcClientLike {
    const { address, credentials } = this.#plan.endpoints[endpoint]!;
    return (this.#channels[endpoint] ??= new grpc.Client(address, credentials(grpc) as never, channelOptions));
  }

  #metadata(grpc: GrpcLike, token: string): { set(key: string, value: string): void } {
    const metadata = new grpc.Metadata();
    if (token !== "") metadata.set("token", token);
    return metadata;
  }

  #module(): Promise<GrpcLike> {
    if (this.#plan.grpc !== undefined) return Promise.resolve(this.#plan.grpc);
    this.#grpc ??= importGrpc().catch((error: unknown) => {
      this.#grpc = null;
      const message = 'etcd: the module "@grpc/grpc-js" is not there: install it, or give it as the option `grpc`';
      throw new FatalError(message, { cause: error });
    });
    return this.#grpc;
  }

  #tokenBy(until: number, bound: number): Promise<string> {
    const { user } = this.#plan;
    if (user === undefined) return noToken;
    this.#token ??= this.#authenticate(user, until, bound).catch((error: unknown) => {
      this.#token = null;
      throw error;
    });
    return this.#token;
  }

  async #authenticate(
    user: { readonly name: string; readonly password: string },
    until: number,
    bound: number,
  ): Promise<string> {
    try {
      const { answer } = await this.#attempts(authenticate, authenticate.request.encode(user), until, bound, false);
      return authenticate.answer.decode(answer).token;
    } catch (error) {
      if (isAuthDisabled((error as Error).cause)) return "";
      throw error;
    }
  }
}

const noToken: Promise<string> = Promise.resolve("");
