import type { IncomingHttpHeaders } from "node:http";
import type { Transform } from "node:stream";
import type { Context } from "snowshed";
import { retryAfter } from "snowshed";
import type { Dispatcher } from "undici";
import type { BodySink } from "./body-sink.ts";
import type { MakeDecoder } from "./decoder.ts";
import { decoderFor } from "./decoder.ts";
import { FetchFailure, toFailure } from "./failure.ts";
import { isRedirect } from "./redirect-follower.ts";
import type { FetchRequest } from "./request.ts";

/** A good answer: all of it came, and what of it is to be kept is on disk. */
export interface Answer {
  readonly httpStatus: number;
  /** Bytes of the body, decompressed. */
  readonly bytes: number;
  /** Redirects that were followed. */
  readonly redirects: number;
}

/** What holds for all attempts of a run. */
export interface ExchangeOptions {
  /** Bytes a body may have, both as it comes and decompressed. */
  readonly maxBody: number;
  /** Redirects that are followed before one is handed over as an answer. */
  readonly maxRedirects: number;
  /** Where the body of a good answer goes; `undefined` lets it go. */
  readonly openSink?: ((request: FetchRequest, httpStatus: number) => BodySink | undefined) | undefined;
}

/** Of an answer that is a failure, the body is only read so that the connection can be used again. */
const longestFailureBody = 64 * 1024;
const transientStatuses = new Set([408, 429, 500, 502, 503, 504]);

/**
 * One attempt: takes what the client reports about it and makes an `Answer` or a `FetchFailure` of it. On the client's
 * dispatch interface rather than `request()`, which makes a stream for each body and an abort only takes effect there
 * once the connection is made; here the context's abort ends the attempt at once.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** Settles when the attempt has ended and left nothing behind. */
  readonly answer: Promise<Answer>;
  readonly #request: FetchRequest;
  readonly #options: ExchangeOptions;
  readonly #onEnd: () => void;
  readonly #stopListening: () => void;
  #resolve!: (answer: Answer) => void;
  #reject!: (failure: FetchFailure) => void;
  #ended = false;
  #controller: Dispatcher.DispatchController | undefined;
  #hops: readonly unknown[] = [];
  #httpStatus = 0;
  /** The answer says that the request failed; its body decides nothing any more. */
  #refusal: FetchFailure | undefined;
  #makeDecoder: MakeDecoder | undefined;
  #decoder: Transform | undefined;
  #sink: BodySink | undefined;
  #received = 0;
  #bytes = 0;

  /** `onEnd` is called when `answer` settles. */
  constructor(request: FetchRequest, context: Context, options: ExchangeOptions, onEnd: () => void) {
    this.#request = request;
    this.#options = options;
    this.#onEnd = onEnd;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stopListening = context.onAbort((reason) => this.#fail(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController, context?: { readonly history?: readonly unknown[] }): void {
    this.#controller = controller;
    this.#hops = context?.history ?? [];
    // It waited for a connection, or for the last redirect, while the attempt ended.
    if (this.#ended) controller.abort(new FetchFailure("CANCELED", "the attempt has ended"));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, httpStatus: number, headers: IncomingHttpHeaders): void {
    if (this.#ended || httpStatus < 200) return;
    this.#httpStatus = httpStatus;
    const { maxBody, maxRedirects, openSink } = this.#options;
    if (maxRedirects > 0 && isRedirect(httpStatus, headers)) {
      this.#refusal = new FetchFailure("TOO_MANY_REDIRECTS", `redirected more than ${maxRedirects} times`, {
        httpStatus,
      });
      return;
    }
    if (httpStatus >= 400) {
      this.#refusal = new FetchFailure("HTTP_STATUS", `the server answered ${httpStatus}`, {
        httpStatus,
        transient: transientStatuses.has(httpStatus),
        retryAfter: retryAfter({ headers }),
      });
      return;
    }
    if (this.#request.method !== "HEAD" && Number(headers["content-length"]) > maxBody)
      return this.#fail(this.#tooLarge());
    try {
      this.#makeDecoder = decoderFor(headers["content-encoding"]);
    } catch (error) {
      return this.#fail(error);
    }
    this.#sink = openSink?.(this.#request, httpStatus);
    if (this.#sink === undefined) return;
    this.#sink.drained = () => (this.#decoder ?? this.#controller)?.resume();
    this.#sink.failed = (failure) => this.#fail(failure);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended) return;
    this.#received += chunk.length;
    if (this.#refusal !== undefined) {
      if (this.#received > longestFailureBody) this.#fail(this.#refusal);
    } else if (this.#received > this.#options.maxBody) {
      this.#fail(this.#tooLarge());
    } else if (this.#makeDecoder === undefined) {
      if (!this.#take(chunk)) controller.pause();
    } else {
      // Made when the body begins: an answer without a body, as to HEAD, has nothing to decompress.
      this.#decoder ??= this.#openDecoder(this.#makeDecoder(chunk));
      if (!this.#decoder.write(chunk)) controller.pause();
    }
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    if (this.#refusal !== undefined) this.#fail(this.#refusal);
    else if (this.#decoder === undefined) void this.#finish();
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(this.#refusal ?? this.#redirectFailure(error) ?? error);
  }

  #openDecoder(decoder: Transform): Transform {
    decoder.on("data", (chunk: Buffer) => {
      if (!this.#ended && !this.#take(chunk)) decoder.pause();
    });
    decoder.on("drain", () => this.#controller?.resume());
    decoder.on("end", () => void this.#finish());
    decoder.on("error", (error) => this.#fail(error));
    return decoder;
  }

  /** `false`: the sink asks for a break. */
  #take(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.maxBody) {
      this.#fail(this.#tooLarge());
      return true;
    }
    return this.#sink?.write(chunk) ?? true;
  }

  async #finish(): Promise<void> {
    // All of it has come: from here on the context ends nothing any more, so a file is either kept or taken back.
    if (!this.#end()) return;
    try {
      await this.#sink?.commit();
    } catch (error) {
      return this.#refuse(toFailure(error, true));
    }
    const redirects = Math.max(0, this.#hops.length - 1);
    this.#onEnd();
    this.#resolve({ httpStatus: this.#httpStatus, bytes: this.#bytes, redirects });
  }

  #fail(cause: unknown): void {
    if (!this.#end()) return;
    const failure = toFailure(cause, this.#httpStatus !== 0);
    this.#controller?.abort(failure);
    this.#decoder?.destroy();
    if (this.#sink === undefined) this.#refuse(failure);
    else void this.#sink.discard().then(() => this.#refuse(failure));
  }

  #refuse(failure: FetchFailure): void {
    this.#onEnd();
    this.#reject(failure);
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#stopListening();
    return true;
  }

  #tooLarge(): FetchFailure {
    return new FetchFailure("BODY_TOO_LARGE", `the body has more than ${this.#options.maxBody} bytes (--max-body)`, {
      httpStatus: this.#httpStatus,
    });
  }

  /** What the redirect interceptor throws has no code of its own. */
  #redirectFailure(error: Error): FetchFailure | undefined {
    const code = (error as { code?: unknown }).code;
    if (this.#hops.length === 0 || (code !== "UND_ERR_INVALID_ARG" && code !== "ERR_INVALID_URL")) return undefined;
    return error.message.startsWith("Redirect loop")
      ? new FetchFailure("TOO_MANY_REDIRECTS", "redirected in a circle", { cause: error })
      : new FetchFailure("BAD_REDIRECT", "redirected to something that is no http or https URL", { cause: error });
  }
}
