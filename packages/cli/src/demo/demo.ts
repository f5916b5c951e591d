import { rename, rm, writeFile } from "node:fs/promises";
import { createLogUpdate } from "log-update";
import { exitCode, exitCodeOfSignal } from "../exit-code.ts";
import { LineWriter } from "../fetch/line-writer.ts";
import { wantsColor, wantsProgress } from "../fetch/terminal.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { describeSystemError } from "../system-error.ts";
import { demoReport, lagNote } from "./demo-report.ts";
import { demoTable } from "./demo-text.ts";
import type { Findings } from "./findings.ts";
import { findingsOf } from "./findings.ts";
import type { Protection } from "./protections.ts";
import type { Recording } from "./scene.ts";
import { record } from "./scene.ts";
import { capacity, timeline } from "./timeline.ts";

export interface DemoOptions {
  readonly protections: readonly Protection[];
  /** For each of them. */
  readonly seconds: number;
  readonly seed: number;
  /** Where the page goes; `undefined`: nowhere. */
  readonly report: string | undefined;
  readonly json: boolean;
}

/** Lets the same avalanche come down on each arrangement, and shows what became of it. Resolves with the exit code. */
export async function runDemo(options: DemoOptions, io: Io, notes: Notes): Promise<number> {
  const { json, protections, report, seconds, seed } = options;
  const signal = io.interrupt ?? new AbortController().signal;
  const plan = timeline(seconds);
  const color = wantsColor(io);
  const live = wantsProgress(io) ? createLogUpdate(io.stderr, { showCursor: true }) : undefined;
  const recordings: Recording[] = [];
  const found: Findings[] = [];
  let code: number = exitCode.ok;
  const output = new LineWriter(io.stdout, () => (code = exitCode.outputClosed));
  const say = (text: string): void => void (json || output.write(text));

  say(`Users ask a gateway for orders, the gateway asks a service (three times if need be), the service asks a database
that can serve ${capacity} orders a second. Half of that at first, then three times as much, then 0.7 of it; then the
database is 8 times slower for a moment. ${protections.length} arrangements, ${Math.round(seconds)} s each, real processes and sockets.\n`);
  await output.flush();
  try {
    for (const protection of protections) {
      const show = (recording: Recording, elapsed: number): void => {
        const running = { title: protection.title, note: noteOf(recording, elapsed) };
        live?.(demoTable(found, running, color));
      };
      // oxlint-disable-next-line no-await-in-loop -- one after the other: they would disturb each other
      const recording = await record(protection, plan, seed, show, signal);
      if (signal.aborted) break;
      recordings.push(recording);
      found.push(findingsOf(recording));
    }
  } finally {
    live?.clear();
    live?.done();
  }
  if (json) void output.write(JSON.stringify({ capacity, seed, plan, findings: found }, finiteOrNull));
  else if (found.length > 0) {
    say(demoTable(found, undefined, color && io.stdout.isTTY === true));
    say(`\n${lagNote(found)}`);
  }
  if (report !== undefined && recordings.length > 0) {
    try {
      await writeWhole(report, await demoReport(recordings));
      say(`The plots are in ${report}`);
    } catch (error) {
      await notes.say(`cannot write ${report}: ${describeSystemError(error)}`);
      code = exitCode.failed;
    }
  }
  await output.flush();
  output.detach();
  return signal.aborted ? exitCodeOfSignal(signal.reason) : code;
}

/** "overload, 5 s of 13: 312 users, 40 % served" */
function noteOf({ plan, fates }: Recording, elapsed: number): string {
  let until = 0;
  const phase = plan.find(({ seconds }) => elapsed < (until += seconds * 1000));
  const total = plan.reduce((sum, { seconds }) => sum + seconds, 0);
  const recent = fates.filter(([at]) => at > elapsed - 1500);
  const good = recent.filter(([, fate]) => fate === "good").length;
  const share = recent.length === 0 ? "" : `, ${Math.round((good / recent.length) * 100)} % served`;
  const at = Math.min(total, elapsed / 1000);
  return `${phase?.name ?? "the last users"}: ${at.toFixed(0)} s of ${total.toFixed(0)}${share}`;
}

/** JSON knows no Infinity: `null` for "never", as for "not measured". */
function finiteOrNull(_key: string, value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? null : value;
}

/** Nothing half-written under the final name. */
async function writeWhole(file: string, text: string): Promise<void> {
  const part = `${file}.part`;
  try {
    await writeFile(part, text, { mode: 0o600 });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
