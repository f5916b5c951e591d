import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdmissionOptions } from "./admission.ts";
export interface NodeHandlerOptions extends AdmissionOptions<IncomingMessage> {
    readonly onError?: ((error: unknown, request: IncomingMessage) => void) | undefined;
}
export declare function nodeHandler(handler: (request: IncomingMessage, response: ServerResponse) => unknown, options?: NodeHandlerOptions): (request: IncomingMessage, response: ServerResponse) => void;
