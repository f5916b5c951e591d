import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Admission, Refusal } from "./admission.ts";
import { AdmittedRequest } from "./admitted-request.ts";
import { watchPipelined } from "./pipelined-requests.ts";
import { attachContext } from "./request-context.ts";

/** Requests whose client waits to be told to go on before it sends the body. */
const expecting = new WeakSet<IncomingMessage>();

/**
 * Lets a server ask for the body of a request only when it has been admitted. A client that says
 * `Expect: 100-continue` holds its upload back until it is told to go on; by itself Node tells it so before anybody
 * has looked at the request. With this, a refused upload is never sent.
 *
 * Takes any `node:http` server whose requests go through an adapter: for Fastify `app.server`.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { continueWhenAdmitted, nodeHandler } from "snowshed/http";
 *
 * const server = createServer(nodeHandler((request, response) => response.end("stored")));
 * continueWhenAdmitted(server);
 * console.log(server.listenerCount("checkContinue")); // 1
 * ```
 */
export function continueWhenAdmitted(server: Server): void {
  server.on("checkContinue", (request, response) => {
    expecting.add(request);
    server.emit("request", request, response);
  });
}

/** Tells the client to send what it holds back. @internal */
export function continueExpected(request: IncomingMessage | undefined, response: ServerResponse | undefined): void {
  if (request !== undefined && expecting.has(request)) response?.writeContinue();
}

/** A request of `node:http`, whatever framework is above it. */
class NodeRequest<Outer> extends AdmittedRequest {
  readonly #admission: Admission<Outer>;
  readonly #outer: Outer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #handle: (own: AdmittedRequest) => void;
  readonly #onRefused: (() => void) | undefined;

  constructor(
    admission: Admission<Outer>,
    outer: Outer,
    request: IncomingMessage,
    response: ServerResponse,
    grant: ConstructorParameters<typeof AdmittedRequest>[1],
    handle: (own: AdmittedRequest) => void,
    onRefused: (() => void) | undefined,
  ) {
    super(admission, grant);
    this.#admission = admission;
    this.#outer = outer;
    this.#request = request;
    this.#response = response;
    this.#handle = handle;
    this.#onRefused = onRefused;
    const closed = (): void => this.#closed();
    response.on("close", closed);
    watchPipelined(request, response, closed);
    this.#watchHeaders();
    attachContext(request, this);
    // Before it came here, while something else that runs before waited.
    if (response.destroyed || request.socket.destroyed) this.clientLeft();
  }

  protected override serve(): void {
    continueExpected(this.#request, this.#response);
    // Some frameworks lead upgrades through their requests. Only Node's own types do not know the field.
    if ((this.#request as { readonly upgrade?: boolean }).upgrade === true) this.upgraded();
    this.#handle(this);
  }

  protected override refuse(reason: Refusal["reason"]): void {
    this.#onRefused?.();
    sendRefusal(this.#response, this.#admission.refuse(this.#outer, reason));
  }

  /** All ways of sending headers, of all frameworks, come through `writeHead`. */
  #watchHeaders(): void {
    const response = this.#response;
    const { writeHead } = response;
    response.writeHead = (...args: unknown[]): typeof response => {
      response.writeHead = writeHead;
      this.headersSent();
      return Reflect.apply(writeHead, response, args) as typeof response;
    };
  }

  #closed(): void {
    if (this.#response.writableFinished) this.finished(this.#response.statusCode);
    else if (this.#request.socket.destroyed || this.#response.destroyed) this.clientLeft();
  }
}

/**
 * Admits a request and calls `handle` when its turn comes, or answers that it is refused; `onRefused` is told just before.
 *
 * @internal
 */
export function receive<Outer>(
  admission: Admission<Outer>,
  outer: Outer,
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
  handle: (own: AdmittedRequest) => void,
  onRefused?: () => void,
): void {
  const { headers } = request;
  const decision = admission.isExcluded(outer, url) ? null : admission.decide(outer, headers, headers.accept);
  if (decision !== null && "status" in decision) {
    onRefused?.();
    sendRefusal(response, decision);
  } else new NodeRequest(admission, outer, request, response, decision, handle, onRefused).begin();
}

/** As little as can be sent. Whether the connection is kept is Node's own to say: as a rule it is. */
function sendRefusal(response: ServerResponse, { status, retryAfter }: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const length = ["Content-Length", "0"];
  response.writeHead(status, retryAfter === undefined ? length : ["Retry-After", String(retryAfter), ...length]);
  response.end();
}
