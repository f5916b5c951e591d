import type { Document, Node, ParsedNode } from "yaml";
import { isAlias, isMap, isNode, isScalar, isSeq } from "yaml";
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

/**
 * Looks at each node once: keys that are there twice or are no text, and aliases that lead nowhere, into themselves or to too
 * much. Give the parser `uniqueKeys: false`, since it compares each key with every other.
 */
export function examineTree({ contents }: Document): {
  readonly problems: readonly TreeProblem[];
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<object, Node>;
} {
  const walk = new Walk();
  walk.sizeOf(contents);
  return walk;
}

class Walk {
  readonly problems: TreeProblem[] = [];
  readonly targets = new Map<object, Node>();
  readonly #anchors = new Map<string, Node>();
  /** With all that its aliases stand for; not there while the node is being walked. */
  readonly #sizes = new Map<Node, number>();
  #behindAliases = 0;

  /** How many values a node is. */
  sizeOf(node: unknown): number {
    if (!isNode(node)) return 1;
    if (isAlias(node)) return this.#follow(node.source, node);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    let size = 1;
    if (isSeq(node)) for (const item of node.items) size += this.sizeOf(item);
    if (isMap(node)) {
      const names = new Set<string>();
      for (const { key, value } of node.items) {
        this.#key(key, names, node);
        size += this.sizeOf(value);
      }
    }
    if (node.anchor !== undefined) this.#sizes.set(node, size);
    return size;
  }

  #key(key: unknown, names: Set<string>, map: Node): void {
    this.sizeOf(key);
    if (!isScalar<string | number | boolean | bigint | null>(key) || key.value === null) {
      this.#report("yaml", "a key must be a text", isNode(key) ? key : map);
      return;
    }
    const name = String(key.value);
    if (name === "__proto__") this.#report("yaml", 'a key must not be "__proto__"', key);
    if (names.has(name)) this.#report("duplicate-key", `the key "${name}" is there twice`, key);
    names.add(name);
  }

  #follow(name: string, alias: Node): number {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#report("yaml", `*${name} stands for nothing: there is no &${name} before it`, alias);
      return 1;
    }
    this.targets.set(alias, target);
    const size = this.#sizes.get(target);
    if (size === undefined) {
      this.#report("yaml", "an alias is part of what it stands for", alias);
      return 1;
    }
    const before = this.#behindAliases;
    this.#behindAliases += size;
    if (before <= mostBehindAliases && this.#behindAliases > mostBehindAliases) {
      this.#report("yaml", `the aliases stand for more than ${mostBehindAliases.toLocaleString("en")} values`, alias);
    }
    return size;
  }

  #report(kind: ProblemKind, message: string, node: Node): void {
    this.problems.push({ kind, message, offset: (node as ParsedNode).range[0] });
  }
}
