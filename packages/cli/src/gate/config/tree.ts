import type { Document, Node, ParsedNode } from "yaml";
import { isAlias, isMap, isNode, isScalar, isSeq } from "yaml";
import { duplicateKeys } from "../duplicate-keys.ts";
import type { ProblemKind } from "./config-error.ts";

/** What is wrong with a document that is YAML, and cannot be made into plain values. */
export interface TreeProblem {
  readonly kind: ProblemKind;
  readonly message: string;
  /** Where, in the text. */
  readonly offset: number;
}

/** So many values may stand behind the aliases of a file. Aliases of aliases become gigabytes within a few lines. */
const mostBehindAliases = 100_000;

/** A document as plain values, and what is wrong with it. */
export interface Tree {
  /** To be used if there are no problems. */
  readonly value: unknown;
  readonly problems: readonly TreeProblem[];
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<object, Node>;
}

/**
 * Looks at each node once: keys that are there twice or are no text, and aliases that lead nowhere, into themselves or to too
 * much. The parser itself would compare each key with every other, and each alias with those before it; give it
 * `uniqueKeys: false`.
 */
export function readTree(document: Document): Tree {
  const walk = new Walk();
  const value = walk.read(document.contents);
  const twice = duplicateKeys(document).map((key) => ({
    kind: "duplicate-key" as const,
    message: `the key "${String(key.value)}" is there twice`,
    offset: key.range![0],
  }));
  const problems = [...walk.problems, ...twice].toSorted((one, other) => one.offset - other.offset);
  return { value, problems, targets: walk.targets };
}

/** What a node with an anchor stands for. */
interface Anchored {
  readonly value: unknown;
  /** How many values it is, with all that its own aliases stand for. */
  readonly size: number;
}

class Walk {
  readonly problems: TreeProblem[] = [];
  readonly targets = new Map<object, Node>();
  readonly #anchors = new Map<string, Node>();
  /** A node is not there while it is being read. */
  readonly #read = new Map<Node, Anchored>();
  #size = 0;
  #behindAliases = 0;

  read(node: unknown): unknown {
    if (isAlias(node)) return this.#follow(node.source, node);
    const before = this.#size++;
    if (!isNode(node)) return null;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    const value = this.#valueOf(node);
    if (node.anchor !== undefined) this.#read.set(node, { value, size: this.#size - before });
    return value;
  }

  #valueOf(node: Node): unknown {
    if (isSeq(node)) return node.items.map((item) => this.read(item));
    if (!isMap(node)) return isScalar(node) ? node.value : null;
    const entries: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      const name = this.#name(key, node);
      const inner = this.read(value);
      if (name !== undefined) entries[name] = inner;
    }
    return entries;
  }

  #name(key: unknown, map: Node): string | undefined {
    this.read(key);
    if (!isScalar<string | number | boolean | bigint | null>(key) || key.value === null) {
      this.#report("a key must be a text", isNode(key) ? key : map);
      return undefined;
    }
    const name = String(key.value);
    if (name !== "__proto__") return name;
    this.#report('a key must not be "__proto__"', key);
    return undefined;
  }

  #follow(name: string, alias: Node): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#report(`*${name} stands for nothing: there is no &${name} before it`, alias);
      return null;
    }
    this.targets.set(alias, target);
    const read = this.#read.get(target);
    if (read === undefined) {
      this.#report("an alias is part of what it stands for", alias);
      return null;
    }
    const before = this.#behindAliases;
    this.#behindAliases += read.size;
    this.#size += read.size;
    if (before <= mostBehindAliases && this.#behindAliases > mostBehindAliases) {
      this.#report(`the aliases stand for more than ${mostBehindAliases.toLocaleString("en")} values`, alias);
    }
    return read.value;
  }

  #report(message: string, node: Node): void {
    this.problems.push({ kind: "yaml", message, offset: (node as ParsedNode).range[0] });
  }
}
