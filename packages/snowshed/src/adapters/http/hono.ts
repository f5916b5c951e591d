import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions, Grant, Refusal } from "./admission.ts";
import { Admission } from "./admission.ts";
import { AdmittedRequest } from "./admitted-request.ts";
import { continueExpected } from "./node-request.ts";
import { watchPipelined } from "./pipelined-requests.ts";
import { attachContext } from "./request-context.ts";

/** What is needed of a context of Hono. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request; readonly path: string };
  readonly res: Response;
  /** Of `@hono/node-server`: `incoming` and `outgoing`. Other runtimes have others, or none. */
  readonly env: unknown;
}

/**
 * Middleware for Hono 4: admits as many requests as can be served well, and answers the others itself. Use it before
 * anything that reads bodies.
 *
 * On `@hono/node-server` the place of a request is free again when its response has been sent and the handlers have
 * ended. Elsewhere the end of a body cannot be seen: there it is free again when the handlers have made the response.
 *
 * @example
 * ```ts no-check
 * import { Hono } from "hono";
 * import { honoMiddleware, requestContext } from "snowshed/http";
 *
 * const app = new Hono();
 * app.use(honoMiddleware());
 * app.get("/", async (c) => c.text(await search(c.req.query("q"), requestContext(c))));
 * ```
 */
export function honoMiddleware<Outer extends HonoContextLike = HonoContextLike>(
  options: AdmissionOptions<Outer> = {},
): (context: Outer, next: () => Promise<void>) => Promise<Response | undefined> {
  const admission = new Admission(options);
  return async (outer, next) => {
    const { incoming } = nodeOf(outer);
    const { raw, path } = outer.req;
    // Those of Node are there already; the platform's must first be made.
    const headers = incoming?.headers ?? raw.headers;
    const accept = incoming === undefined ? raw.headers.get("accept") : incoming.headers.accept;
    const decision = admission.isExcluded(outer, path) ? null : admission.decide(outer, headers, accept);
    if (decision !== null && "status" in decision) return answer(decision);
    const own = new HonoRequest(admission, outer, decision);
    const refused = await own.turn();
    if (refused !== undefined) return refused;
    own.workBegan();
    try {
      await next();
      own.answered(outer.res.status);
    } catch (error) {
      own.failed();
      throw error;
    } finally {
      own.workEnded();
    }
    return undefined;
  };
}

class HonoRequest<Outer extends HonoContextLike> extends AdmittedRequest {
  readonly #admission: Admission<Outer>;
  readonly #outer: Outer;
  readonly #turn: Promise<Response | undefined>;
  #resolve!: (refused: Response | undefined) => void;
  readonly #outgoing: ServerResponse | undefined;

  constructor(admission: Admission<Outer>, outer: Outer, grant: Grant | null) {
    super(admission, grant);
    this.#admission = admission;
    this.#outer = outer;
    this.#turn = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const { raw } = outer.req;
    const { incoming, outgoing } = nodeOf(outer);
    this.#outgoing = outgoing;
    if (outgoing === undefined) raw.signal.addEventListener("abort", () => this.#left(), { once: true });
    else {
      const closed = (): void => this.#closed(outgoing);
      outgoing.on("close", closed);
      watchPipelined(incoming!, outgoing, closed);
    }
    attachContext(raw, this);
    // Before it came here, while something else that runs before waited.
    if (outgoing === undefined ? raw.signal.aborted : outgoing.destroyed || incoming!.socket.destroyed) this.#left();
  }

  /** Resolves when it may be served; with the answer if it may not. */
  turn(): Promise<Response | undefined> {
    this.begin();
    return this.#turn;
  }

  /** The handlers have made the response. */
  answered(status: number): void {
    this.headersSent();
    if (this.#outgoing === undefined) this.responded(status);
  }

  /** What the handlers threw is for others to answer. Where the end of that is not seen, this is all there is to see. */
  failed(): void {
    if (this.#outgoing === undefined) this.finished(undefined);
  }

  protected override serve(): void {
    continueExpected(nodeOf(this.#outer).incoming, this.#outgoing);
    this.#resolve(undefined);
  }

  protected override refuse(reason: Refusal["reason"]): void {
    this.#resolve(answer(this.#admission.refuse(this.#outer, reason)));
  }

  #closed(outgoing: ServerResponse): void {
    if (outgoing.writableFinished) this.finished(outgoing.statusCode);
    else this.#left();
  }

  #left(): void {
    this.clientLeft();
    // For nobody to read, if it had not its turn yet: what is above waits for something.
    this.#resolve(new Response(null, { status: 503 }));
  }
}

function nodeOf({ env }: HonoContextLike): {
  readonly incoming?: IncomingMessage | undefined;
  readonly outgoing?: ServerResponse | undefined;
} {
  const { incoming, outgoing } = (env ?? {}) as { incoming?: IncomingMessage; outgoing?: ServerResponse };
  // Of a server that is not Node's own, such as one of HTTP/2, less is known than it says.
  return typeof outgoing?.on === "function" ? { incoming, outgoing } : {};
}

function answer({ status, retryAfter }: Refusal): Response {
  const headers = retryAfter === undefined ? undefined : { "Retry-After": String(retryAfter) };
  return new Response(null, headers === undefined ? { status } : { status, headers });
}
