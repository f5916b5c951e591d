import { z } from "zod";
import type { Finding } from "../finding.ts";
import { nameOf } from "./place-name.ts";

export interface ExceptionConfig {
  /** The id of the rule. */
  readonly rule: string;
  readonly reason: string;
  readonly owner: string;
  /** The last day it holds, as YYYY-MM-DD, in UTC. */
  readonly until: string;
  /** Only there and below, such as `workloads.lock`, or in a file; default: everywhere. */
  readonly path?: string | undefined;
}

export const exceptionSchema: z.ZodType<ExceptionConfig> = z.strictObject({
  rule: z.string().min(1),
  reason: z.string().trim().min(1),
  owner: z.string().trim().min(1),
  until: z.iso.date("must be a day, as YYYY-MM-DD"),
  path: z.string().min(1).optional(),
});

/** An exception as reports show it. */
export interface ExceptionState extends ExceptionConfig {
  readonly expired: boolean;
  /** Findings it covers. */
  readonly used: number;
}

/** Exceptions of one run: they cover findings, and know which of them did. */
export class Exceptions {
  readonly #entries: readonly { readonly config: ExceptionConfig; readonly expired: boolean; used: number }[];

  constructor(configs: readonly ExceptionConfig[], now: Date) {
    const today = now.toISOString().slice(0, 10);
    this.#entries = configs.map((config) => ({ config, expired: config.until < today, used: 0 }));
  }

  /** The finding, marked if an exception that still holds covers it. What is wrong with the file itself never is. */
  apply(finding: Finding): Finding {
    if (finding.stage === "config") return finding;
    const places = placesOf(finding);
    const entry = this.#entries.find(({ config, expired }) => !expired && covers(config, finding, places));
    if (entry === undefined) return finding;
    entry.used++;
    const { reason, owner, until } = entry.config;
    return { ...finding, status: "excepted", exception: { reason, owner, until } };
  }

  states(): readonly ExceptionState[] {
    return this.#entries.map(({ config, expired, used }) => ({ ...config, expired, used }));
  }
}

function covers({ rule, path }: ExceptionConfig, finding: Finding, places: ReadonlySet<string>): boolean {
  return rule === finding.rule && (path === undefined || path === finding.file || places.has(path));
}

/** Of a finding and of all that it is in. Not by how its place begins: `workloads.lock` is not `workloads.lock.a`. */
function placesOf({ path }: Finding): ReadonlySet<string> {
  return new Set(
    path.flatMap((_, index) => {
      const steps = path.slice(0, index + 1);
      // As reports write it, and as messages do.
      return [steps.join("."), nameOf(steps)];
    }),
  );
}
