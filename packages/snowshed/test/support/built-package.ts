import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const copies: string[] = [];

/**
 * The URL of the index of a fresh copy of the built package (vitest's global set-up builds it): a second copy in one
 * process is what two versions in a dependency tree amount to.
 */
export function copyOfPackage(): string {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  const copy = mkdtempSync(join(root, ".tmp", "copy-"));
  copies.push(copy);
  cpSync(join(root, "packages/snowshed/dist"), copy, { recursive: true });
  writeFileSync(join(copy, "package.json"), '{ "type": "module" }');
  return pathToFileURL(join(copy, "index.js")).href;
}

/** For `afterAll`. */
export function removeCopies(): void {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true });
}
