import { once } from "node:events";
import type { Io } from "../io.ts";

/** Resolves when stdout has taken the line, or is closed. */
export async function print(text: string, { stdout }: Io): Promise<void> {
  if (!stdout.write(`${text}\n`) && !stdout.destroyed) {
    await Promise.race([once(stdout, "drain"), once(stdout, "close")]).catch(() => {});
  }
}
