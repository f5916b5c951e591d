import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Candidate, Probed } from "./probe.ts";
import { probeFiles } from "./probe.ts";
import { testFailures } from "./promtool-output.ts";
import type { PromtoolRun } from "./promtool.ts";
import { runPromtool } from "./promtool.ts";
import type { AlertVariables } from "./variables.ts";

/** Calls `use` with a folder of its own, which is gone afterwards. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "snowshed-rules-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What each candidate does, asked of promtool. One that promtool refuses to read is left out, and so is one whose labels
 * cannot be guessed.
 */
export async function runProbes(
  promtool: string,
  candidates: readonly Candidate[],
  variables: AlertVariables,
  signal?: AbortSignal,
): Promise<ReadonlyMap<Candidate, Probed>> {
  const tried = candidates.filter(({ labels }) => labels !== null);
  if (tried.length === 0) return new Map();
  const run = await probe(promtool, tried, variables, signal);
  if (run !== null) return run;
  // One of them spoils the file for all.
  const each = new Map<Candidate, Probed>();
  for (const candidate of tried) {
    const alone = await probe(promtool, [candidate], variables, signal);
    for (const [key, value] of alone ?? []) each.set(key, value);
  }
  return each;
}

async function probe(
  promtool: string,
  candidates: readonly Candidate[],
  variables: AlertVariables,
  signal: AbortSignal | undefined,
): Promise<Map<Candidate, Probed> | null> {
  const run = await inTemporaryFolder(async (folder): Promise<PromtoolRun> => {
    const { rules, tests } = probeFiles(candidates, variables, "rules.json");
    await writeFile(join(folder, "rules.json"), JSON.stringify(rules));
    await writeFile(join(folder, "tests.json"), JSON.stringify(tests));
    return runPromtool(promtool, ["test", "rules", join(folder, "tests.json")], signal);
  });
  const failures = testFailures(run.output);
  if (!run.ok && failures.length === 0) return null;
  const fired = new Set(failures.filter(({ got }) => got > 0).map(({ test, alert }) => `${test} ${alert}`));
  return new Map(
    candidates.map((candidate, index) => [
      candidate,
      {
        firesOnBad: fired.has(`bad Probe${index}`),
        firesOnGood: fired.has(`good Probe${index}`),
        firesOnUnset: fired.has(`unset Probe${index}`),
      },
    ]),
  );
}
