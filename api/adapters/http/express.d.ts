import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions } from "./admission.ts";
export interface ExpressRequest extends IncomingMessage {
    readonly originalUrl?: string | undefined;
}
export declare function expressMiddleware<Request extends ExpressRequest = ExpressRequest>(options?: AdmissionOptions<Request>): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void;
