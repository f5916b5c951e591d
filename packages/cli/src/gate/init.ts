import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { exitCode } from "../exit-code.ts";
import type { Notes } from "../notes.ts";
import { describeSystemError, systemCode } from "../system-error.ts";
import { UsageError } from "../usage-error.ts";
import type { fileKinds } from "./config/audit-section.ts";

export interface InitOptions {
  readonly config: string;
  readonly preset: "article" | "recommended";
}

type Kind = (typeof fileKinds)[number];

/** Where such files usually are. */
const usual: Readonly<Record<Kind, readonly string[]>> = {
  redis: ["redis.conf", "deploy/redis.conf", "config/redis.conf"],
  kafka: ["server.properties", "deploy/server.properties", "config/server.properties"],
  etcd: ["etcd.conf.yml", "etcd.yaml", "deploy/etcd.conf.yml"],
  compose: ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"],
  kubernetes: ["k8s.yaml", "deploy/k8s.yaml", "kubernetes.yaml"],
};

/** Writes the file, never over one that is there. */
export async function writeFirstConfig({ config, preset }: InitOptions, notes: Notes): Promise<number> {
  const folder = path.dirname(path.resolve(config));
  try {
    await writeFile(config, firstConfig(preset, findFiles(folder)), { flag: "wx" });
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw new UsageError(`${config} is there already`, { cause: error });
    // Of a disk that is full: what was begun must not be in the way of the next attempt.
    await rm(config, { force: true }).catch(() => {});
    throw new UsageError(`cannot write ${config}: ${describeSystemError(error)}`, { cause: error });
  }
  await notes.say(`${config} is written: put in what your services ask for, then run snowshed gate`);
  return exitCode.ok;
}

type Found = Readonly<Partial<Record<Kind, readonly string[]>>>;

function findFiles(folder: string): Found {
  const entries = Object.entries(usual).map(([kind, names]): [string, string[]] => [
    kind,
    names.filter((name) => existsSync(path.join(folder, name))),
  ]);
  return Object.fromEntries(entries.filter(([, names]) => names.length > 0));
}

/** The first file: it is valid, passes, and shows each section. */
function firstConfig(preset: InitOptions["preset"], found: Found): string {
  const files = Object.entries(found).map(([kind, names]) => `  ${kind}: [${names.join(", ")}]`);
  return `# yaml-language-server: $schema=./node_modules/@snowshed/cli/schema/snowshed.schema.json
version: 1
extends: snowshed:${preset}
environment: ci

# What each kind of data asks for. \`snowshed gate advise --explain\` draws the way to its store.
workloads:
  sessions:
    writesPerSecond: 2000
    ordering: none # or strict
    consistency: eventual # or linearizable
    store: redis-sentinel

# Connections to one server: of all processes together, and of each.
connections:
  redis: { max: 200, perProcess: 4, processes: 12 }

# The kernel of the machines it runs on, as \`sysctl -a\` printed it there.
# kernel:
#   from: deploy/sysctl.conf
#   expect: { net.core.somaxconn: ">=4096" }

# The files of the servers.
${files.length === 0 ? "# files:\n#   redis: [deploy/redis.conf]" : `files:\n${files.join("\n")}`}

# Alert rules for Prometheus: \`snowshed gate rules build\` writes them. With \`lint\` your own files are checked.
alerts:
  out: snowshed-alerts.yml

# What is known and accepted, by whom and until when. It is shown in every report.
# exceptions:
#   - rule: audit/some-rule
#     reason: why it is safe here
#     owner: "@team"
#     until: 2027-03-01
`;
}
