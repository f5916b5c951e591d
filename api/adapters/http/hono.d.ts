import type { AdmissionOptions } from "./admission.ts";
export interface HonoContextLike {
    readonly req: {
        readonly raw: Request;
        readonly path: string;
    };
    readonly res: Response;
    readonly env: unknown;
}
export declare function honoMiddleware<Outer extends HonoContextLike = HonoContextLike>(options?: AdmissionOptions<Outer>): (context: Outer, next: () => Promise<void>) => Promise<Response | undefined>;
