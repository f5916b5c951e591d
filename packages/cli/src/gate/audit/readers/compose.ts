import type { Fact } from "../../facts.ts";
import { composeBytes } from "../amounts.ts";
import { serverFact } from "../servers.ts";
import type { Container, Origin, Written } from "./container.ts";
import { containerFacts, sysctlFact } from "./container.ts";
import type { Fault } from "./setting.ts";
import { shellWords } from "./words.ts";
import type { Path, YamlDocument, YamlMap } from "./yaml-text.ts";
import { asList, asMap, asText, readYaml } from "./yaml-text.ts";

/** The servers of a compose file: image, command, environment, sysctls, ulimits and limits of memory. */
export function readCompose(
  text: string,
  origin: Origin,
): { readonly facts: readonly Fact[]; readonly faults: readonly Fault[] } {
  const { documents, faults } = readYaml(text);
  const [document] = documents;
  if (document === undefined) return { facts: [], faults };
  const services = asMap(asMap(document.value)["services"]);
  if (Object.keys(services).length === 0) {
    return { facts: [], faults: [...faults, { message: 'there are no "services"', line: 1, column: 1 }] };
  }
  const facts = Object.entries(services).flatMap(([name, service]) =>
    serviceFacts(document, name, asMap(service), origin),
  );
  return { facts, faults };
}

function serviceFacts(document: YamlDocument, name: string, service: YamlMap, origin: Origin): readonly Fact[] {
  const at: Path = ["services", name];
  const container: Container = {
    name: `service ${name}`,
    image: asText(service["image"]) ?? "",
    place: document.place(at),
    words: [
      ...wordsAt(document, service["entrypoint"], [...at, "entrypoint"]),
      ...wordsAt(document, service["command"], [...at, "command"]),
    ],
    env: pairsAt(document, service["environment"], [...at, "environment"]),
    limits: limitsOf(document, service, at),
  };
  const { line, column } = container.place;
  const sysctls = pairsAt(document, service["sysctls"], [...at, "sysctls"]).flatMap(({ name: setting, ...written }) =>
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

function wordsAt(document: YamlDocument, value: unknown, path: Path): readonly Written[] {
  if (typeof value === "string") {
    const place = document.place(path);
    return (shellWords(value) ?? [value]).map((word) => ({ value: word, place }));
  }
  return asList(value).map((word, index) => ({ value: asText(word) ?? "", place: document.place([...path, index]) }));
}

/** A mapping, or a list of `name=value`. */
function pairsAt(document: YamlDocument, value: unknown, path: Path): readonly (Written & { readonly name: string })[] {
  if (Array.isArray(value)) {
    return asList(value).flatMap((each, index) => {
      const match = /^([^=]+)=([\s\S]*)$/.exec(asText(each) ?? "");
      return match === null ? [] : [{ name: match[1]!, value: match[2]!, place: document.place([...path, index]) }];
    });
  }
  return Object.entries(asMap(value)).flatMap(([name, inner]) => {
    const text = asText(inner);
    return text === undefined ? [] : [{ name, value: text, place: document.place([...path, name]) }];
  });
}

function limitsOf(document: YamlDocument, service: YamlMap, at: Path): Container["limits"] {
  const limits: (Written & { readonly name: string })[] = [];
  const memoryPaths: readonly Path[] = [["mem_limit"], ["deploy", "resources", "limits", "memory"]];
  for (const path of memoryPaths) {
    const text = asText(path.reduce<unknown>((value, part) => asMap(value)[part], service));
    const bytes = text === undefined ? undefined : composeBytes(text);
    if (bytes !== undefined)
      limits.push({ name: "container.memory-limit", value: String(bytes), place: document.place([...at, ...path]) });
  }
  const nofile = asMap(service["ulimits"])["nofile"];
  const soft = asText(nofile) ?? asText(asMap(nofile)["soft"]);
  if (soft !== undefined)
    limits.push({ name: "limit.nofile", value: soft, place: document.place([...at, "ulimits", "nofile"]) });
  return limits;
}
