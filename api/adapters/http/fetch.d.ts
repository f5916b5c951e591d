import { Context } from "../../concurrency/context.ts";
import type { HttpClientOptions } from "./client-plan.ts";
export type FetchLike = (...parameters: never) => Promise<Response>;
export type ProtectedFetch<Fetch extends FetchLike> = (input: Parameters<Fetch>[0], init?: Omit<NonNullable<Parameters<Fetch>[1]>, "signal"> & {
    readonly signal?: AbortSignal | Context | null | undefined;
}) => ReturnType<Fetch>;
export declare function wrapFetch<Fetch extends FetchLike>(fetch: Fetch, options?: HttpClientOptions): ProtectedFetch<Fetch>;
