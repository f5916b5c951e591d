// What answers of any origin carry: fetch's, Node's, undici's, axios's, gRPC's, and the errors that wrap them.
import { isObject, maxDepth, read } from "./inspection.ts";

/** From `Headers`, a `Map`, gRPC's `Metadata` or a plain object; the first of several. @internal */
export function header(headers: object, name: string): string | undefined {
  try {
    const { get } = headers as { get?: unknown };
    let value: unknown;
    if (typeof get === "function") value = (headers as { get(name: string): unknown }).get(name);
    else {
      const key = name in headers ? name : Object.keys(headers).find((each) => each.toLowerCase() === name);
      if (key !== undefined) value = read(headers, key);
    }
    if (Array.isArray(value)) value = value[0] as unknown;
    if (typeof value === "number") return String(value);
    return typeof value === "string" ? value.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** An answer and its parts, or an error's: also of what it wraps. */
interface Answer {
  readonly headers: object;
  /** 100 to 599. */
  readonly status: number | undefined;
}

/** The first answer there is: `outcome`, its `response`, or the same of what caused it. Never throws. @internal */
export function answerOf(outcome: unknown): Answer | undefined {
  for (let depth = 0; depth < maxDepth && isObject(outcome); depth++) {
    for (const source of [outcome, read(outcome, "response")]) {
      if (!isObject(source)) continue;
      const headers = read(source, "headers");
      if (!isObject(headers)) continue;
      const status = read(source, "status") ?? read(source, "statusCode");
      const isStatus = Number.isInteger(status) && Number(status) >= 100 && Number(status) < 600;
      return { headers, status: isStatus ? (status as number) : undefined };
    }
    outcome = read(outcome, "cause");
  }
  return undefined;
}
