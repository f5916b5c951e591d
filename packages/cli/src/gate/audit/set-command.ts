import type { WorkloadConfig } from "../config/workload-section.ts";

export interface SetCommand {
  readonly isConditional: boolean;
  /** Milliseconds after which the key is gone; undefined if it stays. */
  readonly expiresAfter: number | undefined;
  /** It has some option by which it ends. */
  readonly expires: boolean;
}

/** The `SET` of a workload; undefined if its write is another command. */
export function setOf({ write }: WorkloadConfig): SetCommand | undefined {
  const words = write?.command.trim().split(/\s+/) ?? [];
  if (words[0]?.toUpperCase() !== "SET") return undefined;
  // The key and the value may be called anything.
  const options = words.slice(3).map((word) => word.toUpperCase());
  const after = (name: string): number => Number(options[options.indexOf(name) + 1]);
  let expiresAfter: number | undefined;
  if (options.includes("PX")) expiresAfter = after("PX");
  else if (options.includes("EX")) expiresAfter = after("EX") * 1000;
  return {
    isConditional: options.includes("NX"),
    expiresAfter: Number.isFinite(expiresAfter) ? expiresAfter : undefined,
    expires: ["EX", "PX", "EXAT", "PXAT"].some((name) => options.includes(name)),
  };
}
