import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { exitCode } from "../exit-code.ts";
import { runFetch } from "../fetch/fetch-run.ts";
import { LineWriter } from "../fetch/line-writer.ts";
import type { FetchOptions } from "../fetch/options.ts";
import type { Outcome } from "../fetch/outcome.ts";
import { wantsColor } from "../fetch/terminal.ts";
import type { FetchSummary } from "../fetch/summary.ts";
import { showBytes, showDuration } from "../fetch/summary-text.ts";
import type { Io } from "../io.ts";
import type { Notes } from "../notes.ts";
import { serverTable } from "./example-report.ts";
import { ExampleFleet, exampleServers } from "./servers.ts";

const deadline = 8000;
const flags = "--concurrency 50 --per-host 6 --timeout 1500ms --deadline 8s --retries 1 --cache answers";

/**
 * The demonstration: fetches 200 URLs from seven real servers on loopback ports twice, once while all is well and once
 * while six of the seven are in trouble, and shows what became of every request. Resolves with 0 if all went as meant.
 */
export async function runExample(io: Io, notes: Notes): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), "snowshed-example-"));
  const fleet = new ExampleFleet(exampleServers);
  const output = new LineWriter(io.stdout, () => {});
  const say = (text: string): void => void output.write(text);
  try {
    await fleet.listen();
    const urls = path.join(folder, "urls.txt");
    const lines = fleet.lines();
    await writeFile(urls, `${lines.join("\n")}\n`);
    const options = exampleOptions(urls, path.join(folder, "answers"));

    say(
      `A page is made of ${lines.length} HTTP calls to ${exampleServers.length} servers (real ones, on loopback ports):\n`,
    );
    say(`  snowshed fetch urls.txt ${flags}\n`);
    const calm = await runFetch({ ...options, progress: false, json: true }, io, notes);
    say(`A calm day: ${calm.ok} of ${calm.total} calls answered in ${showDuration(calm.elapsed)}.`);
    await fleet.breakDown();
    say(`Then six of the seven servers get into trouble, and the same command runs again:\n`);
    await output.flush();

    const outcomes: Outcome[] = [];
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const storm = await runFetch({ ...options, json: true }, io, notes, (outcome) => outcomes.push(outcome));
    delay.disable();
    say(`${serverTable(exampleServers, outcomes, wantsColor(io))}\n`);
    for (const line of conclusion(storm, delay.max / 1e6)) say(line);
    return verdict(calm, storm, outcomes, lines.length);
  } finally {
    await output.flush();
    output.detach();
    await fleet.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function exampleOptions(urls: string, cache: string): FetchOptions {
  return {
    inputs: [urls],
    concurrency: 50,
    perHost: 6,
    timeout: 1500,
    deadline,
    retries: 1,
    defaults: { method: "GET", headers: [["user-agent", "snowshed"]], body: undefined },
    output: undefined,
    cache,
    fallbackThreshold: 0.5,
    maxBody: 1024 * 1024,
    maxRedirects: 5,
    resume: false,
    json: false,
    quiet: false,
    progress: true,
  };
}

function conclusion(storm: FetchSummary, longestDelay: number): string[] {
  const answered = storm.ok + storm.fallback;
  return [
    `Time      the run ended after ${showDuration(storm.elapsed)}, when its deadline of 8 s said so; "hanging" would never have ended`,
    `Answers   ${answered} of ${storm.total} calls: ${storm.ok} fresh, and because more than half of the calls failed, ${storm.fallback} from the`,
    `          cache, marked as such, ${showDuration(storm.oldest ?? 0)} old; ${storm.skipped} were never sent, so nothing piles up at a broken server`,
    `Fairness  "fast" never waited for the others: no server gets more than 6 of the 50 places`,
    `Retries   ${storm.retries}, from a budget: trouble is not answered with a storm of attempts`,
    `Caller    stayed up: its event loop was never held up for more than ${showDuration(longestDelay)}; ${showBytes(process.memoryUsage.rss())} of memory`,
    `\nNow your own URLs: snowshed fetch urls.txt, or snowshed fetch --help`,
  ];
}

/** Whether the demonstration showed what it says. A machine so busy that calm servers are slow does not change that. */
function verdict(calm: FetchSummary, storm: FetchSummary, outcomes: readonly Outcome[], requests: number): number {
  if (storm.stopped === "interrupted") return storm.exitCode;
  const fast = outcomes.filter(({ id }) => id?.startsWith("fast-"));
  const asMeant =
    calm.total === requests &&
    storm.total === requests &&
    storm.stopped === "deadline" &&
    storm.degraded &&
    storm.elapsed < deadline + 1500 &&
    fast.every(({ status }) => status === "ok" || status === "fallback");
  return asMeant ? exitCode.ok : exitCode.failed;
}
