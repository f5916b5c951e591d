import { fixed, Limiter } from "snowshed";
import type { Answer, Bench } from "./http-client-bench.ts";

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/** What a promise rejects with, by its code. */
export async function codeOfRejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => "none", codeOf);
}

/** A rejection that a check, which has failed by then, does not come to is no unhandled one. */
export function statusAndText(answer: Promise<Answer>): Promise<[number, string]> {
  const read = answer.then(async ({ status, text }): Promise<[number, string]> => [status, await text()]);
  read.catch(() => {});
  return read;
}

/** Makes limiters of a fixed size. */
export const small =
  (bench: Bench, limit: number, maxQueue: number = 0) =>
  (): Limiter =>
    new Limiter({ algorithm: fixed(limit), maxQueue, clock: bench.clock });
