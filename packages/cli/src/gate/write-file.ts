import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";

/**
 * Writes a file so that whoever reads it sees the old or the new text, never a part: two gates that write the same file at
 * once leave the one of the last. Its folder must be there. `mode` 0o600 is for what only the user is to read.
 */
export async function writeWhole(file: string, text: string, mode: number = 0o666): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx", mode });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
