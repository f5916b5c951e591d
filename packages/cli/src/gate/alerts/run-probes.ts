import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Candidate, Probed } from "./probe.ts";
import { longestWait, probeAnswers, probeFiles, probeKinds, waitsMinutes } from "./probe.ts";
import type { PromtoolRun } from "./promtool.ts";
import { runPromtool } from "./promtool.ts";
import type { AlertVariables } from "./variables.ts";

/** How many are tried each by itself when one of them spoils it for all. */
const mostAlone = 30;

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
 * What each candidate does, asked of promtool. One that promtool cannot evaluate is left out, and so is one whose labels
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
  // A recording rule, or a series, spoils the file for all.
  const each = new Map<Candidate, Probed>();
  const plain = tried.filter(({ recordings }) => recordings.length === 0);
  const single = plain.length === tried.length ? plain : tried.filter(({ recordings }) => recordings.length > 0);
  const parts = [plain.length === tried.length ? [] : plain, ...single.slice(0, mostAlone).map((one) => [one])];
  for (const part of parts) {
    for (const [key, value] of (await probe(promtool, part, variables, signal)) ?? []) each.set(key, value);
  }
  return each;
}

async function probe(
  promtool: string,
  candidates: readonly Candidate[],
  variables: AlertVariables,
  signal: AbortSignal | undefined,
): Promise<Map<Candidate, Probed> | null> {
  if (candidates.length === 0) return null;
  const run = await inTemporaryFolder(async (folder): Promise<PromtoolRun> => {
    const { rules, tests } = probeFiles(candidates, variables, "rules.json");
    await writeFile(join(folder, "rules.json"), JSON.stringify(rules));
    await writeFile(join(folder, "tests.json"), JSON.stringify(tests));
    return runPromtool(promtool, ["test", "rules", join(folder, "tests.json")], signal);
  });
  const answers = probeAnswers(run.output);
  if (!run.ok && answers.size === 0) return null;
  const probed = new Map<Candidate, Probed>();
  for (const [index, candidate] of candidates.entries()) {
    const said = probeKinds.map((kind) => answers.get(`${kind} ${index}`));
    if (said.includes(null)) continue;
    const [firesOnBad, firesOnGood, firesOnUnset] = said.map((each) => {
      return each === true && waitsMinutes(candidate) <= longestWait;
    });
    probed.set(candidate, { firesOnBad: firesOnBad!, firesOnGood: firesOnGood!, firesOnUnset: firesOnUnset! });
  }
  return probed;
}
