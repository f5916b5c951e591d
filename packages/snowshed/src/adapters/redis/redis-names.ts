import { invalidArgument } from "../../errors.ts";

/** Checks text of which a part of a key is made: braces would move it to another slot of a Cluster. @internal */
export function checkKeyPart(value: unknown, name: string): void {
  const isText = typeof value === "string" && value !== "" && !/[{}]/.test(value);
  if (!isText) throw invalidArgument(TypeError, name, "text that is not empty, without { and }", value);
}
