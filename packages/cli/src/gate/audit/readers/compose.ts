import type { Fact } from "../../facts.ts";
import { composeBytes } from "../amounts.ts";
import { serverFact } from "../servers.ts";
import type { Container, Origin, Written } from "./container.ts";
import { containerFacts, sysctlFact } from "./container.ts";
import type { Fault } from "./setting.ts";
import { shellWords } from "./words.ts";
import type { Path, YamlDocument, YamlMap } from "./yaml-text.ts";
import { asList, asMap, asText, readYaml } from "./yaml-text.ts";

export interface ComposeReading {
  readonly facts: readonly Fact[];
  readonly faults: readonly Fault[];
  /** What was not followed, each as a sentence. */
  readonly notes: readonly string[];
}

/** The servers of a compose file: image, command, environment, sysctls, ulimits and limits of memory. */
export function readCompose(text: string, origin: Origin): ComposeReading {
  const { documents, faults } = readYaml(text);
  const [document] = documents;
  if (document === undefined) return { facts: [], faults, notes: [] };
  const file = asMap(document.value);
  const services = asMap(file["services"]);
  const notes = file["include"] === undefined ? [] : [`${origin.file}: what it includes was not read`];
  if (Object.keys(services).length === 0) {
    if (notes.length > 0) return { facts: [], faults, notes };
    // Written, and none yet.
    const isMap = typeof file["services"] === "object" && !Array.isArray(file["services"]) && file["services"] !== null;
    if (isMap) return { facts: [], faults, notes: [`${origin.file} has no services: nothing of it was judged`] };
    return { facts: [], faults: [...faults, { message: 'there are no "services"', line: 1, column: 1 }], notes };
  }
  const facts = Object.keys(services).flatMap((name) => {
    const layers = layersOf(document, services, name);
    for (const { value } of layers.flatMap(({ others }) => others)) {
      notes.push(`${origin.file}: service ${name} extends one of ${value}, which was not read`);
    }
    return serviceFacts(document, name, layers, origin);
  });
  return { facts, faults, notes };
}

/** A service, or one that it extends. */
interface Layer {
  readonly at: Path;
  readonly service: YamlMap;
  /** Files of variables, and other files it extends a service of. */
  readonly variables: readonly Written[];
  readonly others: readonly Written[];
}

/** A service and what it extends, the farthest first: what comes later holds. */
function layersOf(
  document: YamlDocument,
  services: YamlMap,
  name: string,
  below: readonly string[] = [],
): readonly Layer[] {
  const at: Path = ["services", name];
  const service = asMap(services[name]);
  const given = service["extends"];
  const base = asText(given) ?? asText(asMap(given)["service"]);
  const file = asText(asMap(given)["file"]);
  const variables =
    service["env_file"] === undefined ? [] : [{ value: "env_file", place: document.place([...at, "env_file"]) }];
  const others = file === undefined ? [] : [{ value: file, place: document.place([...at, "extends"]) }];
  const own: Layer = { at, service, variables, others };
  const isHere = base !== undefined && file === undefined && !below.includes(base) && base !== name;
  return isHere ? [...layersOf(document, services, base, [...below, name]), own] : [own];
}

function serviceFacts(document: YamlDocument, name: string, layers: readonly Layer[], origin: Origin): readonly Fact[] {
  const last = (key: string): Layer | undefined => layers.findLast(({ service }) => service[key] !== undefined);
  const words = (key: string): readonly Written[] => {
    const layer = last(key);
    return layer === undefined ? [] : wordsAt(document, layer.service[key], [...layer.at, key]);
  };
  const pairs = (key: string): readonly (Written & { readonly name: string })[] =>
    lastOf(layers.flatMap(({ at, service }) => pairsAt(document, service[key], [...at, key])));
  const container: Container = {
    name: `service ${name}`,
    image: textOf(last("image")?.service["image"]) ?? "",
    place: document.place(["services", name]),
    words: [...words("entrypoint"), ...words("command")],
    env: pairs("environment"),
    limits: lastOf(layers.flatMap(({ at, service }) => limitsOf(document, service, at))),
    variables: layers.flatMap(({ variables }) => variables),
    elsewhere: layers.flatMap(({ others }) => others),
    mounted: [],
  };
  const { line, column } = container.place;
  const sysctls = pairs("sysctls").flatMap(({ name: setting, ...written }) =>
    sysctlFact(setting, written, container.name, "compose", origin),
  );
  return [
    {
      subject: "compose",
      name: serverFact,
      value: name,
      server: `${container.name} in ${origin.file}`,
      ...origin,
      line,
      column,
    },
    ...sysctls,
    ...containerFacts(container, origin),
  ];
}

/** What a service changes of one that it extends is no contradiction. */
function lastOf<T extends { readonly name: string }>(pairs: readonly T[]): readonly T[] {
  return [...new Map(pairs.map((pair) => [pair.name, pair])).values()];
}

/** A text with the defaults of its variables; one without a default stays as it is written. */
function textOf(value: unknown): string | undefined {
  let text = asText(value);
  if (text === undefined || !text.includes("$")) return text;
  // From within: a default may have variables of its own.
  for (let depth = 0, before = ""; depth < 10 && before !== text; depth++) {
    before = text;
    text = text.replaceAll(/(?<!\$)\$\{\w+:?-([^${}]*)\}/g, "$1");
  }
  return text.replaceAll("$$", "$");
}

function wordsAt(document: YamlDocument, value: unknown, path: Path): readonly Written[] {
  if (typeof value === "string") {
    const place = document.place(path);
    const text = textOf(value)!;
    return (shellWords(text) ?? [text]).map((word) => ({ value: word, place }));
  }
  return asList(value).map((word, index) => ({ value: textOf(word) ?? "", place: document.place([...path, index]) }));
}

/** A mapping, or a list of `name=value`. One without a value is taken from where compose runs, and is not known. */
function pairsAt(document: YamlDocument, value: unknown, path: Path): readonly (Written & { readonly name: string })[] {
  if (Array.isArray(value)) {
    return asList(value).flatMap((each, index) => {
      const match = /^([^=]+)(?:=([\s\S]*))?$/.exec(textOf(each) ?? "");
      const place = document.place([...path, index]);
      return match === null ? [] : [{ name: match[1]!, value: match[2] ?? "", place }];
    });
  }
  return Object.entries(asMap(value)).flatMap(([name, inner]) => {
    const text = inner === null ? "" : textOf(inner);
    return text === undefined ? [] : [{ name, value: text, place: document.place([...path, name]) }];
  });
}

function limitsOf(document: YamlDocument, service: YamlMap, at: Path): Container["limits"] {
  const limits: (Written & { readonly name: string })[] = [];
  const memoryPaths: readonly Path[] = [["mem_limit"], ["deploy", "resources", "limits", "memory"]];
  for (const path of memoryPaths) {
    const text = textOf(path.reduce<unknown>((value, part) => asMap(value)[part], service));
    const bytes = text === undefined ? undefined : composeBytes(text);
    if (bytes !== undefined)
      limits.push({ name: "container.memory-limit", value: String(bytes), place: document.place([...at, ...path]) });
  }
  const nofile = asMap(service["ulimits"])["nofile"];
  const soft = textOf(nofile) ?? textOf(asMap(nofile)["soft"]);
  if (soft !== undefined)
    limits.push({ name: "limit.nofile", value: soft, place: document.place([...at, "ulimits", "nofile"]) });
  return limits;
}
