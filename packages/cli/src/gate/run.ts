import type { Config } from "./config/config.ts";
import type { ConfigSource } from "./config/load.ts";
import type { Preset } from "./config/presets/preset.ts";
import type { Finding, Stage } from "./finding.ts";
import type { Rule } from "./rule.ts";

export type Verdict = "pass" | "blocked" | "inconclusive" | "skipped";

export interface StageNote {
  /** `failed`: could not be judged, so that a pass would say too much. */
  readonly kind: "info" | "skipped" | "failed";
  readonly rule: string | null;
  readonly message: string;
}

export interface StageContext {
  readonly config: Config;
  readonly preset: Preset;
  /** Places in the file, and paths below its folder. */
  readonly source: ConfigSource;
  /** The rules of this stage. */
  readonly rules: readonly Rule[];
  /** Running servers and /proc may be asked. */
  readonly live: boolean;
  /** The user named this stage, by --only or as a sub-command: what is missing then is inconclusive, not skipped. */
  readonly explicit: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** What the sub-command of this stage was given beside the options all of them have. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Aborts when the user wants to stop. A stage then undoes what it did and returns. */
  readonly signal: AbortSignal;
  /** A line on stderr, as things go on. */
  say(text: string): Promise<void>;
}

export interface StageResult {
  readonly stage: Stage;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly notes: readonly StageNote[];
  /** Figures for the JSON report. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface StageRunner {
  readonly stage: Stage;
  run(context: StageContext): Promise<StageResult>;
}
