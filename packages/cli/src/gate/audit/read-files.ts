import { ConfigError } from "../config/config-error.ts";
import type { Problem } from "../config/config-error.ts";
import type { Config } from "../config/config.ts";
import type { ConfigSource } from "../config/load.ts";
import type { Fact } from "../facts.ts";
import type { StageNote } from "../run.ts";
import { faultSubject } from "./fault-subject.ts";
import { shownValue } from "../mask.ts";
import { readCompose } from "./readers/compose.ts";
import type { Origin } from "./readers/container.ts";
import { readEtcd } from "./readers/etcd.ts";
import { readKubernetes } from "./readers/kubernetes.ts";
import { readProperties } from "./readers/properties.ts";
import { isSentinel, RedisFiles } from "./readers/redis-files.ts";
import { readRedisConf } from "./readers/redis-conf.ts";
import type { Fault, Reading } from "./readers/setting.ts";
import { isBinary } from "./readers/setting.ts";
import { readSysctl } from "./readers/sysctl.ts";
import { serverFact, unreadFact } from "./servers.ts";

export interface FilesReading {
  readonly facts: readonly Fact[];
  readonly notes: readonly StageNote[];
}

/**
 * Reads all files that a configuration names for the audit. Rejects with a ConfigError that has every one that cannot be read; what
 * is wrong within a file becomes facts.
 */
export async function readFiles(config: Config, source: ConfigSource): Promise<FilesReading> {
  const facts: Fact[] = [];
  const notes: StageNote[] = [];
  const problems: Problem[] = [];
  const redis = new RedisFiles(source);
  for (const { kind, name, path } of filesOf(config)) {
    try {
      const text = await source.read(name, path);
      const origin: Origin = { file: source.display(await source.resolve(name, path)), path };
      if (isBinary(text)) facts.push(...faultFacts([{ message: "it is no text", line: 1, column: 1 }], kind, origin));
      else if (kind === "redis") facts.push(...(await redis.read(text, name, origin, notes)));
      else facts.push(...factsIn(kind, text, origin, notes));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  for (const { name, value, server, path: [, kind] = [] } of facts) {
    // Of what a redis.conf includes it has been said why not.
    if (name !== unreadFact || kind === "redis") continue;
    const message = `${server}: what it takes from ${value} was not read, and its defaults are not assumed`;
    notes.push({ kind: "skipped", rule: null, message });
  }
  return { facts, notes };
}

type Kind = "redis" | "kafka" | "etcd" | "compose" | "kubernetes" | "kernel";

interface NamedFile {
  readonly kind: Kind;
  readonly name: string;
  readonly path: readonly (string | number)[];
}

function filesOf({ files, kernel }: Config): readonly NamedFile[] {
  const named = (["redis", "kafka", "etcd", "compose", "kubernetes"] as const).flatMap((kind) =>
    (files[kind] ?? []).map((name, index) => ({ kind, name, path: ["files", kind, index] })),
  );
  return kernel.from === undefined
    ? named
    : [...named, { kind: "kernel", name: kernel.from, path: ["kernel", "from"] }];
}

function factsIn(kind: Exclude<Kind, "redis">, text: string, origin: Origin, notes: StageNote[]): readonly Fact[] {
  switch (kind) {
    case "kafka":
      return settingFacts("kafka", readProperties(text), origin);
    case "etcd":
      return settingFacts("etcd", readEtcd(text), origin);
    case "kernel":
      return settingFacts("kernel", readSysctl(text), origin);
    case "compose": {
      const { facts, faults, notes: said } = readCompose(text, origin);
      notes.push(...said.map((message) => ({ kind: "skipped" as const, rule: null, message })));
      return [...facts, ...faultFacts(faults, kind, origin)];
    }
    case "kubernetes":
      return kubernetesFacts(text, origin);
  }
}

function kubernetesFacts(text: string, origin: Origin): readonly Fact[] {
  const { facts, faults, embedded } = readKubernetes(text, origin);
  const within = embedded.flatMap(({ name, text: inner, line, server }) => {
    const [subject, read] = readerOf(name, inner);
    if (subject === undefined || read === undefined) return [];
    const { settings, faults: innerFaults } = read(inner);
    const moved = <T extends Fault | Reading["settings"][number]>(each: T): T => ({
      ...each,
      line: each.line + line - 1,
    });
    const reading = {
      settings: settings.map((each) => moved(each.name === "include" ? { ...each, name: unreadFact } : each)),
      faults: innerFaults.map(moved),
    };
    // A server of the same manifest is started with it, and is judged by it.
    const isStarted = facts.some((fact) => {
      return fact.subject === subject && reading.settings.some((setting) => setting.line === fact.line);
    });
    if (isStarted) return faultFacts(reading.faults, subject, origin);
    return settingFacts(subject, reading, origin, `${server} in ${origin.file}`, line);
  });
  return [...facts, ...within, ...faultFacts(faults, "kubernetes", origin)];
}

/** What a file of a ConfigMap is, by its name and by what is in it. */
function readerOf(name: string, text: string): readonly [string?, ((text: string) => Reading)?] {
  if (/(?:redis|valkey|sentinel).*\.conf$/.test(name)) return [isSentinel(text) ? "sentinel" : "redis", readRedisConf];
  if (name.endsWith(".properties")) return isOfKafka(text) ? ["kafka", readProperties] : [];
  if (name.includes("etcd")) return ["etcd", readEtcd];
  if (name.includes("sysctl")) return ["kernel", readSysctl];
  return [];
}

/** Any program may have a file of properties. */
function isOfKafka(text: string): boolean {
  return /^[ \t]*(?:bootstrap\.servers|process\.roles|node\.id|broker\.id|log\.dirs?|zookeeper\.connect|group\.id|acks|min\.insync\.replicas)\b/m.test(
    text,
  );
}

function settingFacts(
  subject: string,
  { settings, faults }: Reading,
  origin: Origin,
  server: string = origin.file,
  firstLine: number = 1,
): readonly Fact[] {
  return [
    { subject, name: serverFact, value: server, server, ...origin, line: firstLine, column: 1 },
    ...settings.map(({ name, value, line, column }) => {
      return { subject, name, value: shownValue(name, value), server, ...origin, line, column };
    }),
    ...faultFacts(faults, subject, origin),
  ];
}

function faultFacts(faults: readonly Fault[], name: string, origin: Origin): readonly Fact[] {
  return faults.map(({ message, line, column }) => ({
    subject: faultSubject,
    name,
    value: message,
    ...origin,
    line,
    column,
  }));
}
