import { realpath } from "node:fs/promises";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { systemCode } from "../../system-error.ts";
import type { Position } from "../finding.ts";
import type { Config } from "./config.ts";
import { ConfigError } from "./config-error.ts";
import type { Problem, ProblemKind } from "./config-error.ts";
import { describeIssues } from "./describe.ts";
import { displayPath, FileProblem, readText, resolveBelow, resolveBelowForOutput } from "./files.ts";
import { nameOf } from "./place-name.ts";
import { Positions } from "./positions.ts";
import { article } from "./presets/article.ts";
import type { Preset } from "./presets/preset.ts";
import { recommended } from "./presets/recommended.ts";
import { configSchema } from "./schema.ts";
import { readTree } from "./tree.ts";

type Path = readonly (string | number)[];

/** Where things stand in the file, and what lies below its folder. */
export interface ConfigSource {
  /** Of the configuration, as the user named it. */
  readonly file: string;
  /** Its folder, absolute, symbolic links resolved. */
  readonly folder: string;
  /** Of the value at `place`, or of the nearest that is written above it. */
  position(place: Path): Position;
  /**
   * The absolute path of a file the configuration names at `place`, links resolved. Rejects with a ConfigError when it is
   * not there, lies outside the folder, or its links go round.
   */
  resolve(name: string, place: Path): Promise<string>;
  /** The text of such a file; at most 1 MiB. */
  read(name: string, place: Path): Promise<string>;
  /** For a file that need not be there yet, such as `alerts.out`. */
  resolveOutput(name: string, place: Path): Promise<string>;
  /** How a report names an absolute path. */
  display(absolute: string): string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly preset: Preset;
  readonly source: ConfigSource;
}

/** Reads and checks a configuration. Rejects with a ConfigError that has all that is wrong with it. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  const absolute = path.resolve(file);
  const name = displayPath(absolute);
  let text: string;
  let folder: string;
  try {
    text = await readText(absolute);
    folder = await realpath(path.dirname(absolute));
  } catch (error) {
    // The place says which file.
    const init = systemCode((error as Error).cause) === "ENOENT" ? "; `snowshed gate init` writes one" : "";
    const known = error instanceof FileProblem ? new FileProblem(`${error.message}${init}`) : error;
    throw fileError(known, "the configuration", { file: name, line: null, column: null }, []);
  }
  const { config, positions } = parseConfig(text, name);
  return { config, preset: presetOf(config), source: sourceOf(name, folder, positions) };
}

function presetOf(config: Pick<Config, "extends">): Preset {
  return config.extends === "snowshed:article" ? article : recommended;
}

/** Deeper than any configuration is, and far from where the parser would run out of stack. */
const deepest = 100;

/** The configuration in a text, and its places; `file` is what errors name. @internal */
export function parseConfig(text: string, file: string): { readonly config: Config; readonly positions: Positions } {
  refuseDeep(text, file);
  const lines = new LineCounter();
  const options = {
    prettyErrors: false,
    version: "1.2",
    merge: false,
    uniqueKeys: false,
    resolveKnownTags: false,
  } as const;
  const document = parseDocument(text, { lineCounter: lines, ...options });
  const { value, problems, targets } = readTree(document);
  const positions = new Positions({ file, document, lines, targets });
  // What it only warns of, such as a tag nobody knows, is a mistake here.
  const mistakes: Problem[] = [...document.errors, ...document.warnings].map(({ code, message, pos: [start] }) =>
    problem("yaml", yamlMessage(code, message), positions.at(start)),
  );
  for (const { kind, message, offset } of problems) mistakes.push(problem(kind, message, positions.at(offset)));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const result = configSchema.safeParse(withoutEmptySections(value), {
    reportInput: true,
  });
  if (result.success) return { config: result.data, positions };
  throw new ConfigError(describeIssues(result.error.issues, positions, jsonSchema()));
}

/** `workloads:` with all its lines commented out is null, and means none. */
function withoutEmptySections(value: unknown): unknown {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null));
}

/** The schema of the file, as editors take it: a test keeps the one that is shipped to it. @internal */
export function jsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: "input" });
  return {
    $schema,
    $id: "https://github.com/snowshed/snowshed/blob/main/packages/cli/schema/snowshed.schema.json",
    title: "snowshed.yaml",
    description: "What `snowshed gate` checks before a release.",
    ...schema,
  };
}

function refuseDeep(text: string, file: string): void {
  let brackets = 0;
  let number = 0;
  for (const line of text.split("\n")) {
    number++;
    for (const [bracket] of line.matchAll(/[[\]{}]/g)) {
      if (bracket === "[" || bracket === "{") brackets++;
      else if (brackets > 0) brackets--;
    }
    const [indent] = /^[ \t?:-]*/.exec(line)!;
    if (brackets <= deepest && indent.length <= 4 * deepest && !/^(?:\s*[?:-](?=\s)){51}/.test(line)) continue;
    const message = "lists and mappings are nested too deeply";
    throw new ConfigError([problem("yaml", message, { file, line: number, column: 1 })]);
  }
}

function yamlMessage(code: string, message: string): string {
  return code === "MULTIPLE_DOCS" ? "there is more than one document in the file" : message;
}

function sourceOf(file: string, folder: string, positions: Positions): ConfigSource {
  const position = (place: Path): Position => positions.of(place);
  const guarded = async <T>(name: string, place: Path, use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (error) {
      throw fileError(error, `${nameOf(place)}: ${name}`, position(place), place);
    }
  };
  return {
    file,
    folder,
    position,
    resolve: (name, place) => guarded(name, place, () => resolveBelow(folder, name)),
    read: (name, place) => guarded(name, place, async () => readText(await resolveBelow(folder, name))),
    resolveOutput: (name, place) => guarded(name, place, () => resolveBelowForOutput(folder, name)),
    display: displayPath,
  };
}

function problem(kind: ProblemKind, message: string, position: Position, place: Path = []): Problem {
  return { kind, message, path: place, ...position };
}

function fileError(error: unknown, name: string, position: Position, place: Path): unknown {
  if (!(error instanceof FileProblem)) return error;
  return new ConfigError([problem("file", `${name} ${error.message}`, position, place)]);
}
