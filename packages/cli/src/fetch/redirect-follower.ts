import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { interceptors } from "undici";

const redirectStatuses = new Set([300, 301, 302, 303, 307, 308]);

export function isRedirect(httpStatus: number, headers: IncomingHttpHeaders): boolean {
  return redirectStatuses.has(httpStatus) && headers.location !== undefined;
}

/**
 * Follows redirects by the client's own interceptor, which it calls in when the first one comes: most answers are none,
 * and then it costs nothing.
 */
export class RedirectFollower implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #maxRedirections: number;
  readonly #receiver: Dispatcher.DispatchHandler;
  /** Who takes the answer: the receiver, or the interceptor's handler in front of it. */
  #target: Dispatcher.DispatchHandler;

  constructor(
    dispatcher: Dispatcher,
    options: Dispatcher.DispatchOptions,
    maxRedirections: number,
    receiver: Dispatcher.DispatchHandler,
  ) {
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#maxRedirections = maxRedirections;
    this.#receiver = this.#target = receiver;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#target.onRequestStart?.(controller, context);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    httpStatus: number,
    headers: IncomingHttpHeaders,
    statusMessage?: string,
  ): void {
    if (this.#target === this.#receiver && isRedirect(httpStatus, headers)) this.#follow(controller);
    this.#target.onResponseStart?.(controller, httpStatus, headers, statusMessage);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#target.onResponseData?.(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#target.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#target.onResponseError?.(controller, error);
  }

  /** The interceptor believes to send the request itself; what it gets is the answer that is here already. */
  #follow(controller: Dispatcher.DispatchController): void {
    const intercept = interceptors.redirect({ maxRedirections: this.#maxRedirections });
    const dispatch = intercept((options, handler) => {
      if (this.#target !== this.#receiver) return this.#dispatcher.dispatch(options, handler);
      this.#target = handler;
      return true;
    });
    dispatch(this.#options, this.#receiver);
    this.#target.onRequestStart?.(controller, {});
  }
}
