import type { Fact } from "../../facts.ts";
import { shownValue } from "../mask.ts";
import { serverFact, unreadFact } from "../servers.ts";
import { etcdName } from "./etcd.ts";
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
  redis: /(?:^|[/_-])(?:redis|valkey|keydb)(?:-stack(?:-server)?)?(?:[:@]|$)/,
  etcd: /(?:^|[/_-])etcd(?:[:@]|$)/,
  kafka: /(?:^|[/_-])(?:cp-)?kafka(?:[:@]|$)|cp-server/,
};

/** Which server it runs, by its image or else by its command; undefined if it is none of the three. */
function subjectOf({ image, words }: Pick<Container, "image" | "words">): ContainerSubject | undefined {
  const subjects = Object.keys(images) as ContainerSubject[];
  return (
    subjects.find((subject) => images[subject].test(image)) ??
    subjects.find((subject) => wordsOf(words).some(({ value }) => programs[subject].test(value)))
  );
}

/** What a container's command line, environment and limits set. Other containers have no facts. */
export function containerFacts(container: Container, origin: Origin): readonly Fact[] {
  const subject = subjectOf(container);
  if (subject === undefined) return [];
  const facts: Fact[] = [];
  const add = (name: string, value: string, { line, column }: Place): void => {
    const server = `${container.name} in ${origin.file}`;
    facts.push({ subject, name, value: shownValue(name, value), server, ...origin, line, column });
  };
  add(serverFact, container.name, container.place);
  for (const { name, value, place } of container.limits) add(name, value, place);
  for (const { name, value, place } of container.env) {
    const setting = settingOf(subject, name);
    if (setting !== undefined) add(setting, value, place);
  }
  const words = wordsOf(container.words);
  // Of a list each word has its own line: a flag stands where its name does.
  const placeOf = (flag: string): Place =>
    words.find(({ value }) => value.replace(/^--?/, "").split("=")[0]!.toLowerCase() === flag)?.place ??
    container.place;
  const texts = words.map(({ value }) => value);
  const flags = subject === "redis" ? redisFlags(texts) : flagsOf(texts);
  if (subject === "kafka") {
    for (const [index, { value, place }] of words.entries()) {
      const match = /^([\w.]+)=([\s\S]*)$/.exec(value);
      if (match !== null && words[index - 1]?.value === "--override") add(match[1]!, match[2]!, place);
    }
  } else {
    for (const { name, value } of flags) add(name, value, placeOf(name.toLowerCase()));
  }
  const elsewhere = words.find(
    ({ value }) => /\.(?:conf|properties|ya?ml)$/.test(value) || value.startsWith("--config-file"),
  );
  if (elsewhere !== undefined) add(unreadFact, elsewhere.value, elsewhere.place);
  return facts;
}

/** The words; of `sh -c "redis-server --x"` those within. */
function wordsOf(words: readonly Written[]): readonly Written[] {
  return words.flatMap((word) => {
    if (!/\s/.test(word.value) || !/-server|etcd|kafka/.test(word.value)) return [word];
    return (shellWords(word.value) ?? [word.value]).map((value) => ({ value, place: word.place }));
  });
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
