import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";

// Processes on a busy machine: the limit of each is the one that counts.
vi.setConfig({ testTimeout: 150_000 });

const root = fileURLToPath(new URL("../../../../", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `code`, an ES module in which "snowshed" is the built package and `gc()` exists, to its end in a process of its
 * own: for what a process does at its end, or about rejections that nobody handles.
 */
export function runModule(code: string): Promise<Ended> {
  const args = ["--expose-gc", "--input-type=module", "--eval", code];
  const env = { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1", FORCE_COLOR: "0" };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error?.killed) stderr += "\nkilled after 60 s";
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
