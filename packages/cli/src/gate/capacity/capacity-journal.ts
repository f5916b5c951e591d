import type { FileHandle } from "node:fs/promises";
import { open, readFile } from "node:fs/promises";
import { UsageError } from "../../usage-error.ts";
import { describeSystemError, systemCode } from "../../system-error.ts";
import { mask } from "../mask.ts";
import { writeWhole } from "../write-file.ts";
import type { Measurement } from "./measurement.ts";
import { readPoints } from "./points-file.ts";
import { keyOf } from "./ramp.ts";

/** What a run is of. Measurements are continued only under the same. */
export interface JournalHead {
  readonly snowshed: "capacity/1";
  readonly name: string;
  readonly driver: string;
  /** Without its password. */
  readonly target: string;
  readonly unit: string;
  readonly loads: readonly number[];
  readonly repetitions: number;
  readonly stepSeconds: number;
  readonly valueBytes: number | null;
  readonly seed: number;
}

/** What is kept of a run: its head, and a line for each measurement, written as soon as it is there. */
export class CapacityJournal {
  readonly #handle: FileHandle;
  readonly head: JournalHead;
  /** Of this run and of the one it continues. */
  readonly measurements: Measurement[];

  private constructor(handle: FileHandle, head: JournalHead, measurements: readonly Measurement[]) {
    this.#handle = handle;
    this.head = head;
    this.measurements = [...measurements];
  }

  /**
   * `resume` goes on where an earlier run stopped, `fresh` begins anew; without either, an unfinished one is left as it is.
   * @throws UsageError when it cannot go on, or cannot be written.
   */
  static async open(file: string, head: JournalHead, mode: "resume" | "fresh" | "ask"): Promise<CapacityJournal> {
    const before = mode === "fresh" ? undefined : await readJournal(file);
    if (mode === "resume" && before !== undefined) {
      const changed = differs(before.head, head);
      if (changed !== undefined) {
        throw new UsageError(`${file} is of another run (${changed} is not the same): --fresh begins anew`);
      }
    }
    const planned = (before?.head.loads.length ?? 0) * (before?.head.repetitions ?? 0);
    const measured = new Set(before?.measurements.map(keyOf)).size;
    if (mode === "ask" && before !== undefined && measured > 0 && measured < planned) {
      throw new UsageError(
        `${file} has ${before.measurements.length} measurements of a run that was stopped: --resume goes on, --fresh begins anew`,
      );
    }
    const kept = mode === "resume" ? before : undefined;
    const own = kept?.head ?? head;
    try {
      // Written anew: the last line may have been cut off.
      const lines = [own, ...(kept?.measurements ?? []).map(mask)].map((line) => `${JSON.stringify(line)}\n`);
      await writeWhole(file, lines.join(""), 0o600);
      return new CapacityJournal(await open(file, "a"), own, kept?.measurements ?? []);
    } catch (error) {
      throw new UsageError(`cannot write ${file}: ${describeSystemError(error)}`);
    }
  }

  async append(measurement: Measurement): Promise<void> {
    this.measurements.push(measurement);
    await this.#handle.write(`${JSON.stringify(mask(measurement))}\n`);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Undefined where there is none. */
export async function readJournal(
  file: string,
): Promise<{ readonly head: JournalHead; readonly measurements: readonly Measurement[] } | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw new UsageError(`cannot read ${file}: ${describeSystemError(error)}`);
  }
  const [first = "", ...rest] = text.split("\n");
  const head = headOf(first);
  if (head === undefined) throw new UsageError(`${file} is no journal of snowshed gate capacity`);
  const body = rest.join("\n").trim();
  // The places of loads and repetitions are what is written, not counted: steps may have been done in any order.
  const repetitions = body.split("\n").flatMap((line) => {
    try {
      return [(JSON.parse(line) as { repetition: number }).repetition];
    } catch {
      return [];
    }
  });
  const points = body === "" ? [] : readPoints(`${first}\n${body}`, file);
  return {
    head,
    measurements: points.map((point, index) => Object.assign(point, { repetition: repetitions[index]! })),
  };
}

function headOf(line: string): JournalHead | undefined {
  try {
    const head = JSON.parse(line) as JournalHead;
    return head.snowshed === "capacity/1" && Array.isArray(head.loads) ? head : undefined;
  } catch {
    return undefined;
  }
}

/** The seed may differ: what is left is measured in another order, which is as good. */
function differs(before: JournalHead, now: JournalHead): string | undefined {
  const names = ["name", "driver", "target", "unit", "loads", "repetitions", "stepSeconds", "valueBytes"] as const;
  return names.find((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
}
