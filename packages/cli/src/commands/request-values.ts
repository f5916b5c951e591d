import { checkHeader, checkMethod, InvalidRequest } from "../fetch/request.ts";
import { UsageError } from "../usage-error.ts";

// Checked when the command runs: what checks them loads node:http, which the help must not wait for.

/** Of `--method`. */
export function methodValue(text: string): string {
  return checked("method", () => checkMethod(text));
}

/** Of each `--header`, a line `Name: value`. */
export function headerValue(line: string): readonly [name: string, value: string] {
  return checked("header", () => {
    const colon = line.indexOf(":");
    if (colon === -1) throw new InvalidRequest('a header must have the form "Name: value"');
    return checkHeader(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  });
}

/** The message does not repeat what was given: headers carry secrets. */
function checked<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof InvalidRequest) throw new UsageError(`option --${option}: ${error.message}`, { cause: error });
    throw error;
  }
}
