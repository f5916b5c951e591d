import type { Config } from "../../config/config.ts";
import type { Fact } from "../../facts.ts";
import type { StageNote } from "../../run.ts";
import { kindOf } from "../uses.ts";
import { askEtcd } from "./etcd.ts";
import { askKafka, installedKafka, isHostAndPort } from "./kafka.ts";
import { askKernel } from "./kernel.ts";
import type { LiveReading } from "./live-facts.ts";
import { notAsked } from "./live-facts.ts";
import { askRedis } from "./redis.ts";

export interface AskAllOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** For each answer; default 5 s. */
  readonly timeoutMs?: number;
  /** Between the two readings of the kernel's counters; default 1 s. */
  readonly sampleMs?: number;
  /** Where a client for Kafka is looked for first: the folder of the configuration. */
  readonly folder: string;
}

/** Asks this machine and all servers of `connections.*.servers`, at once. One that does not answer is a note, and the others count. */
export async function askAll(
  config: Config,
  { env, signal, timeoutMs = 5000, sampleMs = 1000, folder }: AskAllOptions,
): Promise<{ readonly facts: readonly Fact[]; readonly notes: readonly StageNote[] }> {
  const readings: Promise<LiveReading>[] = [
    askKernel({ sampleMs, signal, settings: Object.keys(config.kernel.expect ?? {}) }),
  ];
  const notes: StageNote[] = [];
  for (const [name, connection] of Object.entries(config.connections)) {
    const kind = kindOf(name, connection);
    const path = ["connections", name, "servers"];
    if (connection.servers === undefined || connection.servers.length === 0) {
      const message = `connections.${name} has no servers: nothing of it was asked`;
      notes.push({ kind: "skipped", rule: null, message });
      continue;
    }
    const refused = (index: number, why: string): void => {
      readings.push(Promise.resolve(notAsked(`connections.${name}.servers.${index}`, why)));
    };
    const brokers: string[] = [];
    for (const [index, written] of connection.servers.entries()) {
      const { text: address, missing } = expand(written, env);
      const options = { path: [...path, index], timeoutMs, signal };
      if (missing.length > 0) refused(index, `${missing.join(", ")} is not set`);
      else if (kind === "kafka") {
        if (isHostAndPort(address)) brokers.push(address);
        else refused(index, "it is no host:port");
      } else if (!isAddress(address)) refused(index, "it is no address, or has a % that is not written as %25");
      else if (kind === "redis") readings.push(askRedis(address, options));
      else if (kind === "etcd") readings.push(askEtcd(address, options));
    }
    if (brokers.length > 0) readings.push(askKafka(brokers, { path, timeoutMs, signal }, installedKafka(folder)));
    if (kind === undefined) {
      const message = `connections.${name}: it is not known what to ask; say kind: redis, kafka or etcd`;
      notes.push({ kind: "skipped", rule: null, message });
    }
  }
  const all = await Promise.all(readings);
  return { facts: all.flatMap(({ facts }) => facts), notes: [...notes, ...all.flatMap((reading) => reading.notes)] };
}

function isAddress(text: string): boolean {
  try {
    const { username, password } = new URL(text.includes("://") ? text : `tcp://${text}`);
    // A password with a `%` of its own.
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** `${NAME}` from the environment, so that no password has to be in the file. */
function expand(
  text: string,
  env: AskAllOptions["env"],
): { readonly text: string; readonly missing: readonly string[] } {
  const missing: string[] = [];
  const expanded = text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined) missing.push(name);
    return value ?? "";
  });
  return { text: expanded, missing };
}
