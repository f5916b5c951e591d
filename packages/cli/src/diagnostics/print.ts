import { exitCode } from "../exit-code.ts";
import { isClosed } from "../fetch/line-writer.ts";
import type { Io } from "../io.ts";
import { describeSystemError } from "../system-error.ts";
import { LookFailure } from "./look-failure.ts";

/**
 * Resolves when stdout has taken the line, or nobody reads it any more. Rejects with `LookFailure` when it cannot be
 * written, as to a file on a disk that is full: a dump that is cut off must not look like one that is done.
 */
export function print(text: string, { stdout }: Io): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stdout.destroyed) return resolve();
    stdout.once("close", resolve);
    stdout.write(`${text}\n`, (error) => {
      stdout.off("close", resolve);
      if (error === undefined || error === null || isClosed(error)) return resolve();
      reject(unwritten(error));
    });
  });
}

export function unwritten(error: Error): LookFailure {
  return new LookFailure(`cannot write to stdout: ${describeSystemError(error)}`, exitCode.failed);
}
