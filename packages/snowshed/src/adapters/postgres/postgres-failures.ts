import { SnowshedError } from "../../errors.ts";
import { classify } from "../../overload/classify.ts";
import { isObject, read } from "../../overload/inspection.ts";

/** The SQLSTATE of an error that the server sent; `""` for all others. @internal */
export function sqlStateOf(error: unknown): string {
  if (!isObject(error)) return "";
  const code = read(error, "code");
  return typeof code === "string" && /^[\dA-Z]{5}$/.test(code) && read(error, "severity") !== undefined ? code : "";
}

/** The server undid the transaction since others were in its way: the same again may go well. @internal */
export function isConflict(error: unknown): boolean {
  return sqlStateOf(error).startsWith("40") && classify(error) === "transient";
}

/** Whether the connection, or the server, has failed, and not the statement. @internal */
export function isOutage(error: unknown): boolean {
  const state = sqlStateOf(error);
  // Errors of the client's own are such as "Connection terminated unexpectedly"; a wrong argument is fatal.
  if (state === "") return classify(error) !== "fatal";
  // 57014 is a statement_timeout, or somebody canceled the statement.
  if (state === "57014") return false;
  return isEnd(error) || /^(?:08|53|57|58|25006)/.test(state);
}

/** Whether the server has ended the session with this error. @internal */
export function isEnd(error: unknown): boolean {
  const severity = isObject(error) ? read(error, "severity") : undefined;
  return severity === "FATAL" || severity === "PANIC";
}

/** What a caller gets when PostgreSQL cannot do what the library itself asks of it. @internal */
export function unavailable(label: string, error: unknown, hint: string): SnowshedError {
  const options = { cause: error };
  return new SnowshedError("SNOWSHED_BACKEND_UNAVAILABLE", `${label}: ${reasonOf(error, hint)}`, options);
}

function reasonOf(error: unknown, hint: string): string {
  const state = sqlStateOf(error);
  const said = error instanceof Error ? error.message : String(error);
  switch (state) {
    case "":
      return `PostgreSQL cannot be asked: ${said}`;
    case "3F000":
    case "42P01":
    case "42883":
    case "42703":
      return `its tables are not there, or are older than this version (${state}, ${said}); ${hint}`;
    case "42501":
      return `this user may not do that (${state}, ${said}); grant it what the documentation lists`;
    default:
      return `PostgreSQL refused (${state}): ${said}`;
  }
}
