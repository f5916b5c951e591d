import type { Fact } from "../../facts.ts";
import { kubernetesBytes } from "../amounts.ts";
import { serverFact } from "../servers.ts";
import type { Container, MountedFile, Origin, Written } from "./container.ts";
import { containerFacts, sysctlFact } from "./container.ts";
import type { Fault } from "./setting.ts";
import type { Path, YamlDocument, YamlMap } from "./yaml-text.ts";
import { asList, asMap, asText, readYaml } from "./yaml-text.ts";

/** A file within a ConfigMap: read as if it lay beside it, with the lines of the manifest. */
export interface EmbeddedFile {
  readonly name: string;
  readonly text: string;
  /** Of its first line. */
  readonly line: number;
  /** `ConfigMap/redis: redis.conf`. */
  readonly server: string;
}

export interface KubernetesReading {
  readonly facts: readonly Fact[];
  readonly faults: readonly Fault[];
  readonly embedded: readonly EmbeddedFile[];
}

interface Resource {
  readonly document: YamlDocument;
  readonly value: YamlMap;
  readonly at: Path;
}

/** How many resources one file may have. */
const most = 2000;

/** Where the pod is within each kind. */
const podPaths: Readonly<Record<string, Path>> = {
  Pod: [],
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
};

/** The servers of manifests: arguments, environment, ConfigMaps, `securityContext.sysctls`, limits of memory. */
export function readKubernetes(text: string, origin: Origin): KubernetesReading {
  const { documents, faults } = readYaml(text);
  const resources = documents.flatMap((document) => resourcesOf(document));
  if (resources.length > most) {
    return {
      facts: [],
      embedded: [],
      faults: [...faults, { message: `it has more than ${most} resources`, line: 1, column: 1 }],
    };
  }
  if (resources.length === 0 && faults.length === 0) {
    return {
      facts: [],
      embedded: [],
      faults: [{ message: "there is no resource: nothing has a kind", line: 1, column: 1 }],
    };
  }
  const maps = resources.filter(({ value }) => value["kind"] === "ConfigMap");
  return {
    facts: resources.flatMap((resource) => podFacts(resource, maps, origin)),
    faults,
    embedded: maps.flatMap((map) => embeddedFiles(map)),
  };
}

function resourcesOf(document: YamlDocument): readonly Resource[] {
  const value = asMap(document.value);
  if (Array.isArray(value["items"]) && asText(value["kind"])?.endsWith("List") === true) {
    const kind = asText(value["kind"])!.replace(/List$/, "");
    return asList(value["items"]).map((item, index) => {
      // Of a `PodList` the items need not say what they are.
      const inner = kind === "" ? asMap(item) : { kind, ...asMap(item) };
      return { document, value: inner, at: ["items", index] };
    });
  }
  return typeof value["kind"] === "string" ? [{ document, value, at: [] }] : [];
}

function nameOf({ value }: Resource): string {
  return `${asText(value["kind"]) ?? ""}/${asText(asMap(value["metadata"])["name"]) ?? "?"}`;
}

function podFacts(resource: Resource, maps: readonly Resource[], origin: Origin): readonly Fact[] {
  const path = podPaths[asText(resource.value["kind"]) ?? ""];
  if (path === undefined) return [];
  const { document } = resource;
  const name = nameOf(resource);
  const at: Path = [...resource.at, ...path, "spec"];
  const spec = asMap([...path, "spec"].reduce<unknown>((value, part) => asMap(value)[part], resource.value));
  const facts: Fact[] = [
    {
      subject: "kubernetes",
      name: serverFact,
      value: name,
      server: `${name} in ${origin.file}`,
      ...origin,
      ...document.place(resource.at),
    },
  ];
  for (const [index, each] of asList(asMap(spec["securityContext"])["sysctls"]).entries()) {
    const [setting, value] = [asText(asMap(each)["name"]), asText(asMap(each)["value"])];
    if (setting === undefined || value === undefined) continue;
    const place = document.place([...at, "securityContext", "sysctls", index]);
    facts.push(...sysctlFact(setting, { value, place }, name, "kubernetes", origin));
  }
  for (const part of ["initContainers", "containers"]) {
    for (const [index, each] of asList(spec[part]).entries()) {
      const place: Path = [...at, part, index];
      facts.push(...setByCommand(asMap(each), name, { document, at: place, origin }));
      // What only prepares is no server, whatever its image; one that is restarted always is a sidecar.
      if (part === "initContainers" && asMap(each)["restartPolicy"] !== "Always") continue;
      const mounted = mountedFiles(asMap(each), spec, maps);
      facts.push(...containerFacts(containerOf(asMap(each), name, { document, at: place, maps, mounted }), origin));
    }
  }
  return facts;
}

/** Settings of the machine that a privileged container sets before the others start: `sysctl -w name=value`. */
function setByCommand(
  container: YamlMap,
  name: string,
  { document, at, origin }: { readonly document: YamlDocument; readonly at: Path; readonly origin: Origin },
): readonly Fact[] {
  if (asMap(container["securityContext"])["privileged"] !== true) return [];
  const words = ["command", "args"].flatMap((part) => asList(container[part]).map((word) => asText(word) ?? ""));
  const text = words.join(" ");
  if (!/(?:^|[\s/;&])sysctl\s/.test(text)) return [];
  const { line, column } = document.place(at);
  const { file, path } = origin;
  const settings = text.matchAll(/\b((?:net|vm|fs|kernel)[./][\w./-]+)\s*=\s*["']?(\d+(?: \d+)?)\b/g);
  return [...settings].map(([, setting, value]) => {
    const server = `${name} in ${file}`;
    return { subject: "kernel", name: setting!.replaceAll("/", "."), value: value!, server, file, path, line, column };
  });
}

/** The files that ConfigMaps of the same manifest put into a container. */
function mountedFiles(container: YamlMap, spec: YamlMap, maps: readonly Resource[]): readonly MountedFile[] {
  const volumes = new Map(asList(spec["volumes"]).map((each) => [asMap(each)["name"], asMap(each)["configMap"]]));
  return asList(container["volumeMounts"]).flatMap((each) => {
    const [mount, source] = [asMap(each), asMap(volumes.get(asMap(each)["name"]))];
    const map = maps.find(({ value }) => asMap(value["metadata"])["name"] === source["name"]);
    const [folder, subPath] = [asText(mount["mountPath"]) ?? "", asText(mount["subPath"])];
    if (map === undefined) return [];
    const items = asList(source["items"]).map((item) => [asText(asMap(item)["key"]), asText(asMap(item)["path"])]);
    return Object.entries(asMap(map.value["data"])).flatMap(([key, text]) => {
      const path = items.length === 0 ? key : items.find(([from]) => from === key)?.[1];
      if (path === undefined || typeof text !== "string" || (subPath !== undefined && subPath !== path)) return [];
      const { line } = map.document.textPlace([...map.at, "data", key]);
      return [{ path: subPath === undefined ? `${folder.replace(/\/$/, "")}/${path}` : folder, text, line }];
    });
  });
}

interface ContainerPlace {
  readonly document: YamlDocument;
  readonly at: Path;
  readonly maps: readonly Resource[];
  readonly mounted: readonly MountedFile[];
}

function containerOf(value: YamlMap, name: string, { document, at, maps, mounted }: ContainerPlace): Container {
  const { env, unknown } = environmentOf(value, document, at, maps);
  const words = ["command", "args"].flatMap((part) =>
    asList(value[part]).map((word, index) => ({
      value: expanded(asText(word) ?? "", env),
      place: document.place([...at, part, index]),
    })),
  );
  const memory = asText(asMap(asMap(value["resources"])["limits"])["memory"]);
  const bytes = memory === undefined ? undefined : kubernetesBytes(memory);
  const place = document.place([...at, "resources", "limits", "memory"]);
  return {
    name: `${name} ${asText(value["name"]) ?? ""}`.trimEnd(),
    image: asText(value["image"]) ?? "",
    place: document.place(at),
    words,
    env,
    limits: bytes === undefined ? [] : [{ name: "container.memory-limit", value: String(bytes), place }],
    variables: unknown,
    elsewhere: [],
    mounted,
  };
}

/** `$(NAME)` of a command line. */
function expanded(text: string, env: Container["env"]): string {
  return text.replaceAll(/(?<!\$)\$\((\w+)\)/g, (written, name: string) => {
    const value = env.findLast((each) => each.name === name)?.value ?? "";
    return value === "" ? written : value;
  });
}

function environmentOf(
  value: YamlMap,
  document: YamlDocument,
  at: Path,
  maps: readonly Resource[],
): { readonly env: Container["env"]; readonly unknown: readonly Written[] } {
  const env: (Written & { readonly name: string })[] = [];
  const unknown: Written[] = [];
  const dataOf = (name: unknown): { readonly map: Resource; readonly data: YamlMap } | undefined => {
    const map = maps.find((each) => asText(asMap(each.value["metadata"])["name"]) === name);
    return map === undefined ? undefined : { map, data: asMap(map.value["data"]) };
  };
  for (const [index, source] of asList(value["envFrom"]).entries()) {
    const found = dataOf(asMap(asMap(source)["configMapRef"])["name"]);
    // A Secret, or a ConfigMap of another file.
    if (found === undefined) unknown.push({ value: "envFrom", place: document.place([...at, "envFrom", index]) });
    for (const [name, inner] of Object.entries(found?.data ?? {})) {
      const place = found!.map.document.place([...found!.map.at, "data", name]);
      env.push({ name: `${asText(asMap(source)["prefix"]) ?? ""}${name}`, value: asText(inner) ?? "", place });
    }
  }
  for (const [index, each] of asList(value["env"]).entries()) {
    const [name, text] = [asText(asMap(each)["name"]), asText(asMap(each)["value"])];
    if (name === undefined) continue;
    const reference = asMap(asMap(asMap(each)["valueFrom"])["configMapKeyRef"]);
    const found = dataOf(reference["name"]);
    const key = asText(reference["key"]) ?? "";
    const referred = asText(found?.data[key]);
    const place =
      referred === undefined
        ? document.place([...at, "env", index])
        : found!.map.document.place([...found!.map.at, "data", key]);
    // Of a Secret it is set, to what is not known.
    env.push({ name, value: text ?? referred ?? "", place });
  }
  return { env, unknown };
}

function embeddedFiles(resource: Resource): readonly EmbeddedFile[] {
  return Object.entries(asMap(resource.value["data"])).flatMap(([name, value]) => {
    if (typeof value !== "string" || !/\.(?:conf|properties|ya?ml|env)$/.test(name)) return [];
    const { line } = resource.document.textPlace([...resource.at, "data", name]);
    return [{ name, text: value, line, server: `${nameOf(resource)} ${name}` }];
  });
}
