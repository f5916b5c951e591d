import type { Clock } from "../../clock.ts";
import { AbortCallback } from "../../concurrency/abort.ts";
import type { Context } from "../../concurrency/context.ts";
import type { Place } from "./place.ts";

/** So much of a body is taken off the connection before anybody reads it: most answers are then complete at once. */
const readAhead = 65_536;

type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** A reader of the body, if there is one that can be read: other clients than `fetch` have streams of other kinds. */
function readerOf(response: Response | null | undefined): BodyReader | undefined {
  // A mock may give nothing at all.
  const body = response?.body;
  // What only looks like a response (of a mock, of node-fetch) is left alone.
  if (typeof body?.getReader !== "function" || body.locked) return undefined;
  return body.getReader() as BodyReader;
}

/**
 * The same response, of which one learns when its body has ended: read to the end, canceled, failed, or forgotten unread.
 * `place` is given back then, or after `hold` if that is earlier; `onEnd` is called in any case, once.
 *
 * When `context` aborts, the body fails with `reason()`.
 *
 * @internal
 */
export function trackBody(
  response: Response,
  place: Place,
  hold: number,
  context: Context,
  clock: Clock,
  reason: () => unknown,
  onEnd: () => void,
): Response {
  const reader = readerOf(response);
  if (reader === undefined) {
    place.end();
    onEnd();
    return response;
  }
  const tracked = new TrackedBody(reader, place, reason, onEnd);
  tracked.watch(context, clock, hold);
  const Copy = response.constructor as typeof Response;
  const { status, statusText, headers } = response;
  try {
    return dress(new Copy(tracked.stream(), { status, statusText, headers }), response);
  } catch (error) {
    // A class of the user's own that is made in another way.
    tracked.forget();
    throw error;
  }
}

/** Gives a response what its constructor cannot. */
function dress(copy: Response, { url, redirected, type }: Response): Response {
  const clone = copy.clone.bind(copy);
  return Object.defineProperties(copy, {
    url: { value: url, configurable: true },
    redirected: { value: redirected, configurable: true },
    type: { value: type, configurable: true },
    clone: { value: () => dress(clone(), copy), configurable: true, writable: true },
  });
}

/** The timers and links of this hold no reference to the stream it makes: one that is forgotten can be collected. */
class TrackedBody {
  readonly #reader: BodyReader;
  readonly #place: Place;
  readonly #reason: () => unknown;
  readonly #onEnd: () => void;
  readonly #onAbort = new AbortCallback(() => this.#fail());
  #cancelTimer: (() => void) | null = null;
  #controller: WeakRef<ReadableByteStreamController> | undefined;
  #failed = false;

  constructor(reader: BodyReader, place: Place, reason: () => unknown, onEnd: () => void) {
    this.#reader = reader;
    this.#place = place;
    this.#reason = reason;
    this.#onEnd = onEnd;
  }

  watch(context: Context, clock: Clock, hold: number): void {
    const end = (): void => this.#end();
    this.#reader.closed.then(end, end);
    if (context.aborted) this.#fail();
    else context.scope.link(this.#onAbort);
    this.#cancelTimer = clock.setTimeout(() => this.#place.end(), hold, false);
  }

  stream(): ReadableStream<Uint8Array> {
    const stream = new ReadableStream(
      {
        type: "bytes",
        start: (controller) => {
          this.#controller = new WeakRef(controller);
          if (this.#failed) controller.error(this.#reason());
        },
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#reader.cancel(reason),
      },
      { highWaterMark: readAhead },
    );
    forgotten.register(stream, this, this);
    return stream;
  }

  forget(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (this.#failed) return;
        if (done) {
          controller.close();
          // Whoever reads into a buffer of his own gets it back.
          controller.byobRequest?.respond(0);
          return;
        }
        if (value.byteLength === 0) continue;
        // What is put in is taken over: a part of somebody's larger buffer must not be.
        controller.enqueue(value.byteLength === value.buffer.byteLength ? value : value.slice());
        return;
      }
    } catch (error) {
      if (!this.#failed) controller.error(error);
    }
  }

  #fail(): void {
    this.#failed = true;
    const reason = this.#reason();
    this.#controller?.deref()?.error(reason);
    this.#reader.cancel(reason).catch(() => {});
  }

  #end(): void {
    forgotten.unregister(this);
    this.#onAbort.stop();
    this.#cancelTimer?.();
    this.#place.end();
    this.#onEnd();
  }
}

const forgotten = new FinalizationRegistry<TrackedBody>((tracked) => tracked.forget());

/**
 * Reads what is left of an answer that nobody wants, so that its connection can be used again, and gives up when that is
 * much. `onEnd` is called in any case. The function that is returned ends it at once.
 *
 * @internal
 */
export function drainBody(response: Response, onEnd: () => void): () => void {
  const reader = readerOf(response);
  if (reader === undefined) {
    onEnd();
    return () => {};
  }
  const cancel = (): void => {
    reader.cancel().catch(() => {});
  };
  void drain(reader, cancel).then(onEnd, onEnd);
  return cancel;
}

async function drain(reader: BodyReader, cancel: () => void): Promise<void> {
  for (let left = readAhead; left > 0;) {
    const { done, value } = await reader.read();
    if (done) return;
    left -= value.byteLength;
  }
  cancel();
}
