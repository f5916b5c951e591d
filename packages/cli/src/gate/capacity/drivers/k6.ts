import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Sample } from "../measurement.ts";
import type { Driver, DriverOptions } from "./driver.ts";
import { emptySample, invalidSample } from "./driver.ts";
import { findProgram, reasonOf, runProgram } from "./program.ts";

// What k6 runs. handleSummary() is the form of its results that stays: the flag for a file does not.
// Where an answer leads elsewhere, load may not go; what is said with the request, no other setting overrules.
const script = `import http from "k6/http";
export const options = { summaryTrendStats: ["avg", "med", "p(99)"] };
export default function () { http.get(__ENV.SNOWSHED_TARGET, { redirects: 0 }); }
export function handleSummary(data) { return { [__ENV.SNOWSHED_SUMMARY]: JSON.stringify(data) }; }
`;

type Metrics = Readonly<Record<string, { readonly values: Readonly<Record<string, number>> } | undefined>>;

/** k6: a closed loop over HTTP, whose load is its virtual users. */
export function k6(options: DriverOptions): Driver {
  const { url, stepSeconds } = options;
  let program = "";
  let folder: string | undefined;
  return {
    unit: "virtual users",
    order: "shuffled",
    async open() {
      program = await findProgram("k6", "see https://grafana.com/docs/k6/latest/set-up/install-k6/", options);
      folder = await mkdtemp(path.join(tmpdir(), "snowshed-k6-"));
      await writeFile(path.join(folder, "script.js"), script);
      await writeFile(path.join(folder, "config.json"), "{}");
    },
    async measure(users, signal): Promise<Sample> {
      const summary = path.join(folder!, "summary.json");
      await rm(summary, { force: true });
      const file = path.join(folder!, "script.js");
      const args = [
        "run",
        "--quiet",
        "--config",
        path.join(folder!, "config.json"),
        "--vus",
        String(users),
        "--duration",
        `${Math.round(stepSeconds * 1000)}ms`,
        file,
      ];
      const env = {
        ...withoutSettings(options.env),
        SNOWSHED_TARGET: url.href,
        SNOWSHED_SUMMARY: summary,
        K6_NO_USAGE_REPORT: "true",
      };
      const ended = await runProgram(program, args, { signal, limitMs: stepSeconds * 1000 + 60_000, env });
      const metrics = await readMetrics(summary);
      const requests = metrics?.["http_reqs"]?.values;
      if (ended.code !== 0 || metrics === undefined || requests === undefined) {
        return invalidSample(users, reasonOf("k6", ended));
      }
      const errors = metrics["http_req_failed"]?.values["rate"] ?? 0;
      const latency = metrics["http_req_duration"]?.values;
      return {
        ...emptySample,
        throughput: (requests["rate"] ?? 0) * (1 - errors),
        concurrency: users,
        p50: latency?.["med"] ?? null,
        p99: latency?.["p(99)"] ?? null,
        errors,
        invalid: errors === 1 ? "no request was answered" : null,
      };
    },
    async close() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The user's own settings of k6 would make it another load (K6_RPS), or give no summary (K6_NO_SUMMARY). */
function withoutSettings(env: DriverOptions["env"]): DriverOptions["env"] {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("K6_") || name === "K6_INSECURE_SKIP_TLS_VERIFY"),
  );
}

async function readMetrics(file: string): Promise<Metrics | undefined> {
  try {
    return (JSON.parse(await readFile(file, "utf8")) as { metrics?: Metrics }).metrics;
  } catch {
    return undefined;
  }
}
