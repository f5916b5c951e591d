import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** An empty folder until the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "snowshed-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The bodies in an output folder, without the files of the command's own. */
export function bodies(folder: string): string[] {
  return readdirSync(folder).filter((name) => !name.startsWith(".snowshed"));
}

/** What a cut-off attempt has left under a temporary name. */
export function parts(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".part"));
}
