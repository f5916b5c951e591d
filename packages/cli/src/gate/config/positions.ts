import type { Document, LineCounter, Node, Pair } from "yaml";
import { isAlias, isCollection, isMap, isScalar, isSeq } from "yaml";
import type { Position } from "../finding.ts";

interface PositionsOptions {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
  readonly targets: ReadonlyMap<object, Node>;
}

/** Finds where the values of a YAML document are written. */
export class Positions {
  readonly #file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #targets: ReadonlyMap<object, Node>;
  /** Of each mapping that was looked at: its pairs by key, so that 500 workloads are not searched 500 times. */
  readonly #pairs = new WeakMap<object, Map<string, Pair>>();

  /** `targets`: what each alias stands for; to ask the document is to go through all of it. */
  constructor({ file, document, lines, targets }: PositionsOptions) {
    this.#file = file;
    this.#document = document;
    this.#lines = lines;
    this.#targets = targets;
  }

  /** Of an offset in the text. */
  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    // Before the first line it answers 0.
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  /**
   * Of the value at `path`: a plain value by itself, a mapping or list by its key. What is not written, such as a default,
   * has the place of what it would be written in.
   */
  of(path: readonly (string | number)[]): Position {
    let node: unknown = this.#document.contents;
    let offset = offsetOf(node) ?? 0;
    for (const step of path) {
      const pair = this.#pair(node, step);
      if (pair !== undefined) {
        node = pair.value;
        offset = (isScalar(node) ? offsetOf(node) : undefined) ?? offsetOf(pair.key) ?? offset;
      } else {
        const inner = this.#item(node, step);
        if (inner === undefined) break;
        node = inner;
        offset = offsetOf(node) ?? offset;
      }
    }
    return this.at(offset);
  }

  /** Of the key `key` of the mapping at `path`. */
  ofKey(path: readonly (string | number)[], key: string): Position {
    let node: unknown = this.#document.contents;
    for (const step of path) node = this.#pair(node, step)?.value ?? this.#item(node, step);
    const offset = offsetOf(this.#pair(node, key)?.key);
    return offset === undefined ? this.of(path) : this.at(offset);
  }

  /** The value at `path` if it is written there. */
  has(path: readonly (string | number)[]): boolean {
    let node: unknown = this.#document.contents;
    for (const step of path) {
      const pair = this.#pair(node, step);
      node = pair === undefined ? this.#item(node, step) : pair.value;
      if (node === undefined) return false;
    }
    return true;
  }

  #pair(node: unknown, step: string | number): Pair | undefined {
    const map = this.#resolved(node);
    if (!isMap(map)) return undefined;
    let pairs = this.#pairs.get(map);
    if (pairs === undefined) {
      pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : "", pair]));
      this.#pairs.set(map, pairs);
    }
    return pairs.get(String(step));
  }

  #item(node: unknown, step: string | number): unknown {
    const list = this.#resolved(node);
    return isSeq(list) && typeof step === "number" ? list.items[step] : undefined;
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }
}

function offsetOf(node: unknown): number | undefined {
  if (isScalar(node) || isCollection(node) || isAlias(node)) return node.range?.[0];
  return undefined;
}
