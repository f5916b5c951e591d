import { SnowshedError } from "../../errors.ts";
import { FatalError } from "../../overload/classified-errors.ts";
import { classify } from "../../overload/classify.ts";

/** What a caller gets when no answer came. `label`: who asked, such as `the quota "mail"`. @internal */
export function unavailable(label: string, why: string, options?: ErrorOptions): SnowshedError {
  return new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", `${label} cannot ask Redis: ${why}`, options);
}

/** The same when the client rejected: with `SNOWSHED_FATAL` if the server refused for good. @internal */
export function failureOf(label: string, error: unknown): SnowshedError {
  if (error instanceof SnowshedError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const isRefusal = isReply(error) && classify(withinScript(error)) === "fatal";
  if (isRefusal) return new FatalError(`${label}: Redis refused: ${said}`, { cause: error });
  return unavailable(label, said, { cause: error });
}

/** What the server said, and not the client: those begin with a word in capitals. */
function isReply(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z][A-Z]+ /.test(error.message);
}

/** Before version 7, Redis wraps what a command says within a script: `ERR Error running script (…): … -OOM …`. */
function withinScript(error: Error): object {
  const said = /^ERR Error running script .* -([A-Z]+ .*)/.exec(error.message)?.[1];
  return said === undefined ? error : Object.assign(new Error(said), { name: "ReplyError" });
}
