import { realpathSync } from "node:fs";
import path from "node:path";
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
  /** Only there and below, such as `workloads.lock`, or in a file, from the configuration's folder; default: everywhere. */
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

/** The configuration, as the user named it, and its folder, absolute, symbolic links resolved. */
interface Place {
  readonly file: string;
  readonly folder: string;
}

/** Exceptions of one run: they cover findings, and know which of them did. */
export class Exceptions {
  readonly #entries: readonly Entry[];

  constructor(configs: readonly ExceptionConfig[], now: Date, source: Place) {
    const today = now.toISOString().slice(0, 10);
    this.#entries = configs.map((config) => {
      const files = filesNamed(config.path, source);
      return { config, files, expired: config.until < today, used: 0 };
    });
  }

  /** The finding, marked if an exception that still holds covers it. What is wrong with the file itself never is. */
  apply(finding: Finding): Finding {
    if (finding.stage === "config") return finding;
    const places = placesOf(finding);
    const entry = this.#entries.find((each) => !each.expired && covers(each, finding, places));
    if (entry === undefined) return finding;
    entry.used++;
    const { reason, owner, until } = entry.config;
    return { ...finding, status: "excepted", exception: { reason, owner, until } };
  }

  states(): readonly ExceptionState[] {
    return this.#entries.map(({ config, expired, used }) => ({ ...config, expired, used }));
  }
}

interface Entry {
  readonly config: ExceptionConfig;
  /** Absolute paths of the file that its path may name. */
  readonly files: ReadonlySet<string>;
  readonly expired: boolean;
  used: number;
}

function covers({ config, files }: Entry, { rule, file }: Finding, places: ReadonlySet<string>): boolean {
  if (config.rule !== rule) return false;
  if (config.path === undefined || places.has(config.path)) return true;
  // Reports name files from the folder the gate was started in.
  return file !== null && files.has(path.resolve(file));
}

/** As all files that the configuration names: from its folder. Findings have the real path, or that of the configuration. */
function filesNamed(name: string | undefined, source: Place): ReadonlySet<string> {
  if (name === undefined || name.includes("\0")) return new Set();
  const absolute = path.resolve(source.folder, name);
  const beside = path.resolve(path.dirname(source.file), name);
  try {
    return new Set([absolute, beside, realpathSync(absolute)]);
  } catch {
    // What is not there has no other name.
    return new Set([absolute, beside]);
  }
}

/** Of a finding and of all that it is in. Not by how its place begins: `workloads.lock` is not `workloads.lock.a`. */
function placesOf({ path: place }: Finding): ReadonlySet<string> {
  return new Set(
    place.flatMap((_, index) => {
      const steps = place.slice(0, index + 1);
      // As reports write it, and as messages do.
      return [steps.join("."), nameOf(steps)];
    }),
  );
}
