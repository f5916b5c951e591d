// What an answer of the server means, also in the words of an older one than the tests run on.
import { expect, test } from "vitest";
import { failureOf } from "../../../src/adapters/redis/redis-failures.ts";

class ReplyError extends Error {}

const wrapped = (said: string): string =>
  `ERR Error running script (call to f_88c923858e73954cede057e8a25f614a3552b177): @user_script:1: @user_script: 1: ${said}`;

test.each([
  ["READONLY You can't write against a read only replica.", "SNOWSHED_BACKEND_UNAVAILABLE"],
  ["OOM command not allowed when used memory > 'maxmemory'.", "SNOWSHED_BACKEND_UNAVAILABLE"],
  ["BUSY Redis is busy running a script.", "SNOWSHED_BACKEND_UNAVAILABLE"],
  ["TRYAGAIN Multiple keys request during rehashing of slot", "SNOWSHED_BACKEND_UNAVAILABLE"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "SNOWSHED_FATAL"],
  ["NOPERM this user has no permissions to run the 'set' command", "SNOWSHED_FATAL"],
])("%s: %s", (said, code) => {
  const error = new ReplyError(said);
  expect(failureOf("the quota", error)).toMatchObject({ code, cause: error });
  // As Redis 6.2 says it of a command within a script.
  const older = new ReplyError(wrapped(`-${said}`));
  expect(failureOf("the quota", older)).toMatchObject({
    code,
    cause: older,
    message: expect.stringContaining(said) as string,
  });
});

test("an error of a script itself is one for good, and what the client says is not", () => {
  const broken = new ReplyError(wrapped("Script attempted to access nonexistent global variable 'x'"));
  expect(failureOf("the quota", broken)).toMatchObject({ code: "SNOWSHED_FATAL" });
  expect(failureOf("the quota", new Error("Connection is closed."))).toMatchObject({
    code: "SNOWSHED_BACKEND_UNAVAILABLE",
  });
});
