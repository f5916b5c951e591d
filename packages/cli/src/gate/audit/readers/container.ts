import type { Fact } from "../../facts.ts";
import { shownValue } from "../../mask.ts";
import { serverFact, unreadFact } from "../servers.ts";
import { etcdName, readEtcd } from "./etcd.ts";
import { readProperties } from "./properties.ts";
import { readRedisConf } from "./redis-conf.ts";
import type { Setting } from "./setting.ts";
import { flagsOf, redisFlags, shellWords } from "./words.ts";
import type { Path, Place } from "./yaml-text.ts";

export interface Written {
  readonly value: string;
  readonly place: Place;
}

/** A container of a compose file or of a pod, in the words that both have. */
export interface Container {
  /** `service cache`, `StatefulSet/redis`. */
  readonly name: string;
  readonly image: string;
  readonly place: Place;
  /** Command and arguments, in order. */
  readonly words: readonly Written[];
  readonly env: readonly (Written & { readonly name: string })[];
  /** What its limits come to: `container.memory-limit` and the like. */
  readonly limits: readonly (Written & { readonly name: string })[];
  /** Where more of its environment comes from, which is not read. */
  readonly variables: readonly Written[];
  /** Where more of its settings come from, which is not read. */
  readonly elsewhere: readonly Written[];
  readonly mounted: readonly MountedFile[];
}

/** A file of a ConfigMap within a container. */
export interface MountedFile {
  /** In the container. */
  readonly path: string;
  readonly text: string;
  /** Of its first line in the manifest. */
  readonly line: number;
}

/** The place of the file the container is in. */
export interface Origin {
  readonly file: string;
  readonly path: Path;
}

export type ContainerSubject = "redis" | "etcd" | "kafka";

const programs: Readonly<Record<ContainerSubject, RegExp>> = {
  redis: /(?:^|\/)(?:redis|valkey|keydb)-server$|^(?:redis|valkey|keydb)-server$/,
  etcd: /(?:^|\/)etcd$/,
  kafka: /kafka-server-start(?:\.sh)?$|^kafka$/,
};

const images: Readonly<Record<ContainerSubject, RegExp>> = {
  redis: /(?:^|[/_-])(?:redis|valkey|keydb)(?:-stack(?:-server)?|-cluster)?(?:[:@]|$)/,
  etcd: /(?:^|[/_-])etcd(?:[:@]|$)/,
  kafka: /(?:^|[/_-])(?:cp-)?kafka(?:[:@]|$)|cp-server/,
};

/** Programs that come with a server and are none, by whose command line the image says nothing. */
const tools =
  /^(?:(?:redis|valkey|keydb)-(?:cli|benchmark|sentinel|check-aof|check-rdb)|etcdctl|etcdutl|kafka-(?!server-start|storage)[a-z-]+(?:\.sh)?|cub)$/;

/** Which server it runs, by its command or else by its image; undefined if it is none of the three. */
function subjectOf(image: string, words: readonly Written[]): ContainerSubject | undefined {
  const subjects = Object.keys(images) as ContainerSubject[];
  const starts = (subject: ContainerSubject): boolean => words.some(({ value }) => programs[subject].test(value));
  const subject = subjects.find((each) => images[each].test(image)) ?? subjects.find((each) => starts(each));
  if (subject === undefined || words.some(({ value }) => value === "--sentinel")) return undefined;
  const isTool = words.some(({ value }) => tools.test(value.split("/").at(-1)!));
  return isTool && !starts(subject) ? undefined : subject;
}

/** What a container's command line, environment and limits set. Other containers have no facts. */
export function containerFacts(container: Container, origin: Origin): readonly Fact[] {
  const all = wordsOf(container.words);
  const subject = subjectOf(container.image, all.flat());
  if (subject === undefined) return [];
  const facts: Fact[] = [];
  const add = (name: string, value: string, { line, column }: Place): void => {
    const server = `${container.name} in ${origin.file}`;
    facts.push({ subject, name, value: shownValue(name, value), server, ...origin, line, column });
  };
  add(serverFact, container.name, container.place);
  for (const { name, value, place } of container.limits) add(name, value, place);
  const words = (all.find((each) => each.some(({ value }) => programs[subject].test(value))) ?? all.flat()).filter(
    ({ value }) => value !== "",
  );
  const flags = flagsIn(subject, words);
  const elsewhere = [
    ...container.elsewhere,
    // Redis takes nothing from its environment.
    ...(subject === "redis" ? [] : container.variables),
    ...words.filter(({ value }) => isFileOfSettings(value)),
  ];
  for (const { value, place } of elsewhere) {
    const mounted = container.mounted.find((each) => value === each.path || value.endsWith(`=${each.path}`));
    if (mounted === undefined) add(unreadFact, value, place);
    for (const { name, value: inner, ...at } of mounted === undefined ? [] : settingsIn(subject, mounted)) {
      // What the command line says instead is meant so.
      if (!flags.some((flag) => flag.name === name)) add(name, inner, at);
    }
  }
  for (const { name, value, place } of container.env) {
    const setting = settingOf(subject, name);
    if (setting === undefined) continue;
    add(setting, value, place);
    if (setting === "config-file") add(unreadFact, value, place);
  }
  for (const { name, value, place } of flags) add(name, value, place);
  return facts;
}

/** What a command line sets. Of a list each word has its own line: a flag stands where its name does. */
function flagsIn(
  subject: ContainerSubject,
  words: readonly Written[],
): readonly (Written & { readonly name: string })[] {
  const texts = words.map(({ value }) => value);
  if (subject !== "kafka") {
    const flags = subject === "redis" ? redisFlags(texts) : flagsOf(texts);
    return flags.map(({ name, value, index }) => ({ name, value, place: words[index]!.place }));
  }
  return words.flatMap(({ value, place }, index) => {
    const match = texts[index - 1] === "--override" ? /^([\w.]+)=([\s\S]*)$/.exec(value) : null;
    return match === null ? [] : [{ name: match[1]!, value: match[2]!, place }];
  });
}

/** A file a server is started with, or a script that starts it with who knows what. */
function isFileOfSettings(word: string): boolean {
  if (/(?:^|\/)(?:docker-entrypoint|kafka-server-start)\.sh$/.test(word)) return false;
  return /\.(?:conf|properties|ya?ml|sh)$/.test(word) || word.startsWith("--config-file");
}

function settingsIn(subject: ContainerSubject, { text, line }: MountedFile): readonly Setting[] {
  const read = { redis: readRedisConf, etcd: readEtcd, kafka: readProperties }[subject];
  return read(text).settings.map(({ name, value, line: row, column }) => {
    const isElsewhere = subject === "redis" && name === "include";
    return { name: isElsewhere ? unreadFact : name, value, line: row + line - 1, column };
  });
}

/** The words, one list for each command; of `sh -c "redis-server --x && y"` those within. */
function wordsOf(words: readonly Written[]): readonly (readonly Written[])[] {
  const commands: Written[][] = [[]];
  for (const word of words) {
    if (!/\s/.test(word.value) || !/-server|etcd|redis|valkey|kafka/.test(word.value)) {
      commands.at(-1)!.push(word);
      continue;
    }
    const lines = word.value.replaceAll(/\\\n/g, " ").replaceAll("\n", " ; ");
    for (const value of shellWords(lines) ?? [word.value]) {
      if (/^(?:&&|\|\|?|;|&)$/.test(value)) commands.push([]);
      else commands.at(-1)!.push({ value: value.replace(/;$/, ""), place: word.place });
      if (/.;$/.test(value)) commands.push([]);
    }
  }
  return commands;
}

/** The setting an environment variable stands for, by the convention of the images of each server. */
function settingOf(subject: ContainerSubject, variable: string): string | undefined {
  if (subject === "etcd") {
    return variable.startsWith("ETCD_") ? etcdName(variable.slice("ETCD_".length)) : undefined;
  }
  if (subject === "kafka" && /^KAFKA_[A-Z]/.test(variable)) {
    const rest = variable.replace(/^KAFKA_(?:CFG_)?/, "");
    // `___` is a hyphen and `__` an underscore.
    const names: Readonly<Record<string, string>> = { ___: "-", __: "_", _: "." };
    return rest.toLowerCase().replaceAll(/_{1,3}/g, (run) => names[run]!);
  }
  return undefined;
}

/** A sysctl of a container, about a machine of its own. */
export function sysctlFact(
  name: string,
  written: Written,
  container: string,
  subject: string,
  origin: Origin,
): readonly Fact[] {
  // A variable whose value is not in the file.
  if (written.value === "" || written.value.includes("$")) return [];
  const { line, column } = written.place;
  const base = {
    value: written.value.replaceAll(/\s+/g, " "),
    server: `${container} in ${origin.file}`,
    ...origin,
    line,
    column,
  };
  return [
    { subject: "kernel", name, ...base },
    { subject, name: `sysctl.${name}`, ...base },
  ];
}
