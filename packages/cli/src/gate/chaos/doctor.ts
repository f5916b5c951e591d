import process from "node:process";
import { loadKafkajs } from "../load-kafkajs.ts";
import { findProgram } from "./run-program.ts";
import { hasNetem } from "./engines/tc.ts";

/** Something that faults, or the looking at them, can use. */
export interface ChaosTool {
  readonly name: string;
  readonly use: string;
  /** Null: it is there. Else why not, and how to get it. */
  readonly missing: string | null;
}

/** What of the machine's tools is there. The embedded engine and the probes but Kafka's need none of them. */
export async function chaosTools(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<readonly ChaosTool[]> {
  const program = (name: string, use: string, install: string): ChaosTool => {
    return { name, use, missing: findProgram(name, env) === null ? `not on the PATH: ${install}` : null };
  };
  const isRoot = process.getuid?.() === 0;
  return [
    { name: "root", use: "engines nft and tc", missing: isRoot ? null : "run the gate as root for these two" },
    program("nft", "engine nft: loss, black-hole, reset", "apt-get install nftables"),
    { name: "tc netem", use: "engine tc: latency, jitter, loss, bandwidth", missing: await hasNetem(env) },
    program("blade", "engine chaosblade", "github.com/chaosblade-io/chaosblade/releases"),
    program("kubectl", "engine chaosblade with via: resource", "kubernetes.io/docs/tasks/tools"),
    program("promtool", "the stage rules", "apt-get install prometheus"),
    {
      name: "kafkajs",
      use: "probes consumer-progress, lag-decreasing, group-stable",
      missing: (await loadKafkajs(folder)) === null ? "npm install kafkajs" : null,
    },
  ];
}
