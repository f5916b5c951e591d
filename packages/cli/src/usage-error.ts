/** The command was not used as it can be: nothing was done, and the message says what to change. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
