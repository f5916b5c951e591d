import { open } from "node:fs/promises";
import { describeSystemError } from "../system-error.ts";
import { FormError } from "./check.ts";
import { checkDump } from "./check-dump.ts";
import type { Dump } from "./dump-types.ts";
import { LookFailure } from "./look-failure.ts";
import { safeText } from "./safe-text.ts";

/** A dump of 100 000 tasks has a quarter of that. */
const largest = 128 * 1024 * 1024;

/** Reads and checks a dump; throws `LookFailure` with what is wrong with it. */
export async function readDump(file: string): Promise<Dump> {
  const text = await readBounded(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new LookFailure(`${file} is not JSON: ${safeText((error as Error).message)}`);
  }
  if (isDeep(value)) throw new LookFailure(`${file} is no dump: it has lists in lists, more than ${deepest} deep`);
  try {
    return checkDump(value);
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    throw new LookFailure(`${file} is no dump: ${safeText(error.message)}`);
  }
}

/** A dump has five; what walks through it goes as deep as that is. */
const deepest = 50;

function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= deepest && level.length > 0; depth++) {
    level = level.flatMap((each): unknown[] =>
      typeof each === "object" && each !== null
        ? Object.values(each).filter((inner) => typeof inner === "object" && inner !== null)
        : [],
    );
  }
  return level.length > 0;
}

/** Not by its size, which a pipe or a device does not have. */
async function readBounded(file: string): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    const handle = await open(file, "r");
    for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > largest) throw new LookFailure(`${file} is larger than ${largest / 1024 ** 2} MiB: it is no dump`);
      pieces.push(chunk);
    }
  } catch (error) {
    if (error instanceof LookFailure) throw error;
    throw new LookFailure(`cannot read ${file}: ${describeSystemError(error)}`);
  }
  return Buffer.concat(pieces).toString("utf8");
}
