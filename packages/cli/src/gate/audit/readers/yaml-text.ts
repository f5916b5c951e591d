import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Document, Node } from "yaml";
import { duplicateKeys } from "../../duplicate-keys.ts";
import type { Fault } from "./setting.ts";

export type Path = readonly (string | number)[];

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One document of a YAML text: its value, and where each part of it is written. */
export interface YamlDocument {
  readonly value: unknown;
  /** Of the key at `path`, or of the nearest that is written above it. */
  place(path: Path): Place;
  /** Of the first line of a text that may span several. */
  textPlace(path: Path): Place;
}

export interface YamlReading {
  readonly documents: readonly YamlDocument[];
  readonly faults: readonly Fault[];
}

/** All documents. One that cannot be parsed is a fault, with its place; the others are there all the same. */
export function readYaml(text: string): YamlReading {
  const lines = new LineCounter();
  const faults: Fault[] = [];
  const documents: YamlDocument[] = [];
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  try {
    const parsed = parseAllDocuments(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: true,
      uniqueKeys: false,
      logLevel: "silent",
    });
    for (const document of parsed) {
      const [error] = document.errors;
      const [twice] = duplicateKeys(document);
      if (error !== undefined) faults.push({ message: `it is not YAML: ${error.message}`, ...at(error.pos[0]) });
      else if (twice === undefined) documents.push(documentOf(document, at));
      else faults.push({ message: `the key "${String(twice.value)}" is there twice`, ...at(twice.range![0]) });
    }
  } catch (error) {
    // Nested beyond the stack, or aliases that would become gigabytes.
    faults.push({ message: `it cannot be read as YAML: ${(error as Error).message}`, line: 1, column: 1 });
  }
  return { documents, faults };
}

function documentOf(document: Document, at: (offset: number) => Place): YamlDocument {
  const find = (path: Path): { readonly key: Node | null; readonly node: Node | null } => {
    let found: { key: Node | null; node: Node | null } = { key: null, node: document.contents };
    for (const part of path) {
      const next = step(found.node, part, document);
      if (next === undefined) break;
      found = next;
    }
    return found;
  };
  const start = ({ key, node }: { readonly key: Node | null; readonly node: Node | null }): Place =>
    at((key ?? node)?.range?.[0] ?? 0);
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    place: (path) => start(find(path)),
    textPlace(path) {
      const found = find(path);
      const { node } = found;
      if (node === null || !isScalar(node)) return start(found);
      const { line, column } = at(node.range?.[0] ?? 0);
      // Of `key: |` the text begins one line further down.
      return String(node.type).startsWith("BLOCK_") ? { line: line + 1, column: 1 } : { line, column };
    },
  };
}

function step(
  from: Node | null,
  part: string | number,
  document: Document,
): { key: Node | null; node: Node | null } | undefined {
  const node = isAlias(from) ? (from.resolve(document) ?? null) : from;
  if (isSeq(node) && typeof part === "number") {
    const item = node.items[part];
    return isNode(item) ? { key: null, node: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
  if (pair === undefined) return undefined;
  return { key: isNode(pair.key) ? pair.key : null, node: isNode(pair.value) ? pair.value : null };
}

export type YamlMap = Readonly<Record<string, unknown>>;

export function asMap(value: unknown): YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as YamlMap) : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** A text, number or boolean as text; undefined for anything else. */
export function asText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : undefined;
}
