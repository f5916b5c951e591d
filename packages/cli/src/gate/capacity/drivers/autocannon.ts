import type { Sample } from "../measurement.ts";
import type { Driver, DriverOptions } from "./driver.ts";
import { emptySample, invalidSample } from "./driver.ts";
import { findProgram, reasonOf, runProgram } from "./program.ts";

interface Report {
  readonly duration: number;
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number; readonly stddev: number };
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}

/** autocannon: a closed loop over HTTP, whose load is its connections. */
export function autocannon(options: DriverOptions): Driver {
  const { url, stepSeconds } = options;
  let program = "";
  return {
    unit: "connections",
    order: "shuffled",
    async open() {
      program = await findProgram("autocannon", "npm install --save-dev autocannon", options);
    },
    async measure(connections, signal): Promise<Sample> {
      const seconds = Math.max(1, Math.round(stepSeconds));
      const args = ["-j", "-c", String(connections), "-d", String(seconds), url.href];
      const ended = await runProgram(program, args, { signal, limitMs: seconds * 1000 + 30_000 });
      const report = ended.code === 0 ? parse(ended.stdout) : undefined;
      if (report === undefined) return invalidSample(connections, reasonOf("autocannon", ended));
      // `errors` holds the timeouts already; requests.total counts what was answered, also with another status.
      const answered = report.requests.total;
      const failed = report.errors + report.non2xx;
      return {
        ...emptySample,
        throughput: (answered - report.non2xx) / report.duration,
        concurrency: connections,
        p50: report.latency.p50,
        p99: report.latency.p99,
        deviation: report.latency.stddev,
        errors: answered + report.errors === 0 ? 1 : failed / (answered + report.errors),
        invalid: answered === 0 ? "no request was answered" : null,
      };
    },
    close: () => Promise.resolve(),
  };
}

function parse(text: string): Report | undefined {
  try {
    const report = JSON.parse(text) as Partial<Report>;
    return report.requests === undefined || report.latency === undefined ? undefined : (report as Report);
  } catch {
    return undefined;
  }
}
