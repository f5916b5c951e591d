// What the command line takes as a time is what the library takes as one.
import { InvalidArgumentError } from "commander";
import fc from "fast-check";
import type { Duration } from "snowshed";
import { toMilliseconds } from "snowshed";
import { expect, test } from "vitest";
import { duration } from "../src/commands/option-values.ts";

function ofTheLibrary(text: string): number | undefined {
  try {
    const ms = toMilliseconds(text as Duration);
    return ms > 0 ? ms : undefined;
  } catch {
    return undefined;
  }
}

function ofTheCommandLine(text: string): number | undefined {
  try {
    return duration(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return undefined;
  }
}

test("a time is read as the library reads it, and what is none is refused", () => {
  const part = fc.constantFrom("-", ".", "0", "1", "1.005", "250", " ", "ms", "s", "m", "h", "S", "e3", "none", "\n");
  const text = fc.oneof(
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join("")),
    fc.string(),
  );
  fc.assert(
    fc.property(
      text.filter((each) => each !== "none"),
      (each) => {
        expect(ofTheCommandLine(each)).toBe(ofTheLibrary(each));
      },
    ),
    { numRuns: 2000 },
  );
  expect(["250ms", "1.005s", "1.5m", "2h", "none"].map(ofTheCommandLine)).toEqual([
    250,
    1005,
    90_000,
    7_200_000,
    Number.POSITIVE_INFINITY,
  ]);
});
