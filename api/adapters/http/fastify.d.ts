import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions } from "./admission.ts";
export interface FastifyRequestLike {
    readonly raw: IncomingMessage;
}
export interface FastifyReplyLike {
    readonly raw: ServerResponse;
    hijack(): unknown;
}
export interface FastifyLike<Request, Reply> {
    addHook(name: "onRequest", hook: (request: Request, reply: Reply, done: (error?: Error) => void) => void): unknown;
}
export declare function fastifyPlugin<Request extends FastifyRequestLike = FastifyRequestLike, Reply extends FastifyReplyLike = FastifyReplyLike>(options?: AdmissionOptions<Request>): (instance: FastifyLike<Request, Reply>, _: unknown, done: () => void) => void;
