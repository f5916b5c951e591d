import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chaosStage } from "../../src/gate/chaos/stage.ts";
import { ConfigError } from "../../src/gate/config/config-error.ts";
import { loadConfig } from "../../src/gate/config/load.ts";
import { chaosRules } from "../../src/gate/rules/chaos/index.ts";
import { temporaryFolder } from "./folders.ts";
import type { RunResult } from "./memory-io.ts";
import { run } from "./memory-io.ts";

export interface ChaosFiles {
  readonly config: string;
  /** PATH and the state folder of this test alone. */
  readonly env: Record<string, string>;
  /** Where journals are. */
  readonly state: string;
}

/** A folder with a snowshed.yaml of these experiments (JSON is YAML), and programs that stand in for tools. */
export function chaosFiles(
  experiments: readonly object[],
  {
    programs = {},
    ...others
  }: { readonly programs?: Readonly<Record<string, string>>; readonly [key: string]: unknown } = {},
): ChaosFiles {
  const folder = temporaryFolder();
  const config = path.join(folder, "snowshed.yaml");
  const { targets, ...top } = others;
  writeFileSync(config, JSON.stringify({ version: 1, ...top, chaos: { targets, experiments } }));
  const bin = path.join(folder, "bin");
  mkdirSync(bin);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!${process.execPath}\n${script}`, { mode: 0o755 });
  }
  const env = { PATH: `${bin}:/usr/bin:/bin`, SNOWSHED_STATE_DIR: path.join(folder, "state"), HOME: folder };
  return { config, env, state: path.join(folder, "state", "chaos") };
}

export interface ChaosReport {
  readonly verdict: string;
  readonly stages: readonly {
    readonly stage: string;
    readonly verdict: string;
    readonly findings: readonly { readonly rule: string; readonly message: string }[];
    readonly notes: readonly { readonly kind: string; readonly message: string }[];
    readonly facts: {
      readonly experiments?: readonly {
        readonly outcome: string;
        readonly message: string;
        readonly recoveredAfterMs: number | null;
        readonly observations: readonly { readonly phase: string; readonly probe: string; readonly ok: boolean }[];
      }[];
    };
  }[];
}

/** `snowshed gate chaos run` in this process; `stage` is what its JSON report says of chaos. */
export async function runChaos(
  { config, env }: ChaosFiles,
  interrupt?: AbortSignal,
): Promise<RunResult & { readonly stage: ChaosReport["stages"][number] | undefined }> {
  const options = { env, ...(interrupt !== undefined && { interrupt }) };
  const result = await run(["gate", "chaos", "run", "-c", config, "-o", "json"], options);
  const report = result.stdout === "" ? null : (JSON.parse(result.stdout) as ChaosReport);
  const stage = report?.stages.find((each) => each.stage === "chaos");
  return {
    code: result.code,
    stdout: result.stdout,
    stderr: result.stderr,
    outcomes: [],
    summary: null as never,
    stage,
  };
}

/**
 * The stage alone, with its own rules: what `runChaos` gives, without the rest of the gate, whose loading takes longer than
 * most experiments.
 */
export async function runChaosStage({ config, env }: ChaosFiles): Promise<{
  readonly code: number;
  readonly stderr: string;
  readonly stage: ChaosReport["stages"][number] | undefined;
}> {
  let stderr = "";
  try {
    const result = await chaosStage.run({
      ...(await loadConfig(config)),
      rules: chaosRules,
      live: true,
      explicit: true,
      env,
      now: new Date(),
      signal: new AbortController().signal,
      say: async (text) => void (stderr += `${text}\n`),
    });
    const stage = result as unknown as ChaosReport["stages"][number];
    return { code: { pass: 0, blocked: 1, inconclusive: 3, skipped: 3 }[result.verdict], stderr, stage };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { code: 2, stderr: error.problems.map(({ message }) => message).join("\n"), stage: undefined };
  }
}
