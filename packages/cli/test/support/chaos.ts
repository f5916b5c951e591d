import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
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
