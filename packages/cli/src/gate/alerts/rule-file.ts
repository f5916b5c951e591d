import type { Document, Node, Pair } from "yaml";
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, YAMLMap } from "yaml";
import { duplicateKeys } from "../duplicate-keys.ts";
import { didYouMean } from "../nearest.ts";
import { expressionPosition } from "./expression-position.ts";
import type { Place } from "./place.ts";
import type { LintId } from "./lint-rule.ts";
import type { Expression } from "./promql.ts";
import { parseExpression } from "./promql.ts";

/** An alert rule or a recording rule as it is written. */
export interface WrittenRule extends Place {
  readonly kind: "alert" | "record";
  readonly name: string;
  readonly group: string;
  readonly expression: Expression;
  /** As written, such as `5m`. */
  readonly waits: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Where a character of the expression stands. */
  at(offset: number): Place;
}

export interface FileProblem extends Place {
  readonly rule: LintId;
  readonly message: string;
  readonly fix?: string;
}

export interface ReadRules {
  readonly rules: readonly WrittenRule[];
  readonly problems: readonly FileProblem[];
  /** A file as Prometheus loads it; else it is a resource of Kubernetes that holds one. */
  readonly isPlain: boolean;
}

const groupKeys = [
  "name",
  "interval",
  "query_offset",
  "limit",
  "labels",
  "rules",
  "partial_response_strategy",
  "source_tenants",
];
const ruleKeys = ["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
const mostRules = 10_000;

/** Reads a file of Prometheus rules, or a PrometheusRule of Kubernetes. Never throws: what is wrong is in `problems`. */
export function readRuleFile(text: string): ReadRules {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #rules: WrittenRule[] = [];
  readonly #problems: FileProblem[] = [];
  readonly #maps = new Map<YAMLMap, YAMLMap>();
  #isPlain = true;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ReadRules {
    const parsed = parseAllDocuments(this.#text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    const documents = Array.isArray(parsed) ? parsed : [];
    for (const [index, document] of documents.entries()) {
      for (const { message, pos } of document.errors.slice(0, 3)) this.#yamlProblem(message, pos[0]);
      const [twice] = duplicateKeys(document);
      if (twice !== undefined) this.#yamlProblem(`the key "${String(twice.value)}" is there twice`, twice.range![0]);
      if (document.errors.length === 0 && twice === undefined) this.#document(document, index);
    }
    const isEmpty = this.#rules.length === 0 && this.#problems.length === 0 && this.#isPlain;
    if (isEmpty) this.#problem(null, "empty-group", "there are no groups in it");
    return { rules: this.#rules, problems: this.#problems, isPlain: this.#isPlain };
  }

  #document(document: Document.Parsed, index: number): void {
    const root = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) return;
    const kind: unknown = isMap(root) ? root.get("kind") : undefined;
    if (kind !== undefined && isMap(root)) {
      this.#isPlain = false;
      if (kind !== "PrometheusRule") return;
      const spec = this.#resolved(document, root.get("spec", true));
      this.#groups(document, isMap(spec) ? spec : null, root);
      return;
    }
    if (index > 0) {
      this.#problem(root, "rule-file", "Prometheus reads the first document of a file, and not this one");
      return;
    }
    const groups = isMap(root) ? root : null;
    // Nothing at all is as good as an empty list.
    if (groups?.items.length === 0) return;
    if (groups !== null) this.#keys(groups, ["groups", "namespace"], "the file");
    this.#groups(document, groups, root);
  }

  #groups(document: Document.Parsed, holder: YAMLMap | null, root: Node): void {
    const list = this.#resolved(document, holder?.get("groups", true));
    if (isScalar(list) && list.value === null) return;
    if (!isSeq(list)) {
      this.#problem(
        root,
        "rule-file",
        this.#looksLikeTemplate() ?? "there is no list `groups` in it: these are no rules",
      );
      return;
    }
    const names = new Map<string, Place>();
    for (const item of list.items) {
      const group = this.#resolved(document, item);
      if (!isMap(group)) {
        this.#problem(group ?? list, "rule-file", this.#looksLikeTemplate() ?? "a group must have a name and rules");
        continue;
      }
      this.#group(document, group, names);
    }
    if (list.items.length === 0) this.#problem(list, "empty-group", "there are no groups in it");
  }

  #group(document: Document.Parsed, group: YAMLMap, names: Map<string, Place>): void {
    const name = textAt(group, "name");
    const place = this.#place(group.get("name", true) ?? group);
    this.#keys(group, groupKeys, name === null ? "a group" : `group ${JSON.stringify(name)}`);
    if (name === null || name === "") this.#problem(group, "rule-file", "a group has no name");
    const before = name === null ? undefined : names.get(name);
    if (before !== undefined) {
      const message = `there is a group ${JSON.stringify(name)} in line ${before.line} already: Prometheus refuses the file`;
      this.#problems.push({ rule: "duplicate-name", message, ...place });
    } else if (name !== null) names.set(name, place);
    const rules = this.#resolved(document, group.get("rules", true));
    if (!isSeq(rules) || rules.items.length === 0) {
      if (isSeq(rules) || rules === undefined || (isScalar(rules) && rules.value === null)) {
        this.#problem(group, "empty-group", `group ${JSON.stringify(name)} has no rules`);
      } else this.#problem(rules, "rule-file", `the rules of group ${JSON.stringify(name)} must be a list`);
      return;
    }
    for (const item of rules.items) {
      if (this.#rules.length >= mostRules) {
        this.#problem(rules, "rule-file", `there are more than ${mostRules} rules in it`);
        return;
      }
      const rule = this.#resolved(document, item);
      if (isMap(rule)) this.#rule(document, rule, name ?? "");
      else this.#problem(rule ?? rules, "rule-file", "a rule must have `alert` or `record`, and `expr`");
    }
  }

  #rule(document: Document.Parsed, rule: YAMLMap, group: string): void {
    const [alert, record] = [textAt(rule, "alert"), textAt(rule, "record")];
    const name = alert ?? record;
    const called = name === null ? "a rule" : JSON.stringify(name);
    this.#keys(rule, ruleKeys, called);
    if ((alert === null) === (record === null)) {
      this.#problem(rule, "rule-file", `${called} must have either \`alert\` or \`record\``);
      return;
    }
    const expr = this.#resolved(document, rule.get("expr", true));
    if (!isScalar(expr) || (typeof expr.value !== "string" && typeof expr.value !== "number")) {
      const message = this.#looksLikeTemplate() ?? `${called} has no \`expr\` that is text`;
      this.#problem(expr ?? rule, "rule-file", message);
      return;
    }
    const waits = textAt(rule, "for");
    if (waits !== null && !/^(?:0|(?:\d+(?:ms|[smhdwy]))+)$/.test(waits)) {
      this.#problem(rule.get("for", true) ?? rule, "rule-file", `${called}: ${JSON.stringify(waits)} is no duration`);
    }
    const [text, lines] = [this.#text, this.#lines];
    this.#rules.push({
      kind: alert === null ? "record" : "alert",
      name: name!,
      group,
      expression: parseExpression(String(expr.value)),
      waits,
      labels: this.#labels(document, rule),
      at: (offset) => expressionPosition(text, lines, expr, offset),
      ...this.#place(rule.get(alert === null ? "record" : "alert", true) ?? rule),
    });
  }

  #labels(document: Document.Parsed, rule: YAMLMap): Record<string, string> {
    const labels = this.#resolved(document, rule.get("labels", true));
    const pairs: (readonly [string, string])[] = [];
    for (const pair of isMap(labels) ? labels.items : []) {
      if (isScalar(pair.key) && isScalar(pair.value)) pairs.push([String(pair.key.value), String(pair.value.value)]);
    }
    return Object.fromEntries(pairs);
  }

  /** Prometheus refuses a file with a key it does not know. */
  #keys(map: YAMLMap, known: readonly string[], where: string): void {
    for (const { key } of map.items) {
      const name = isScalar(key) ? String(key.value) : null;
      if (name !== null && known.includes(name)) continue;
      const said = name === null ? "a key that is no text" : JSON.stringify(name);
      const meant = name === null ? "" : didYouMean(name, known);
      this.#problem(key, "rule-file", this.#looksLikeTemplate() ?? `${where}: unknown key ${said}${meant}`);
    }
  }

  #resolved(document: Document.Parsed, node: unknown): Node | undefined {
    const target = isAlias(node) ? node.resolve(document) : (node as Node | undefined);
    if (target === undefined && isAlias(node)) this.#problem(node, "rule-file", `there is no anchor &${node.source}`);
    return isMap(target) ? this.#merged(document, target) : target;
  }

  /** With what `<<: *base` takes over: its own keys hold. */
  #merged(document: Document.Parsed, map: YAMLMap): YAMLMap {
    const known = this.#maps.get(map);
    if (known !== undefined) return known;
    // Of one that takes over itself: what it has is all.
    this.#maps.set(map, map);
    const merges = map.items.filter(isMerge);
    if (merges.length === 0) return map;
    const merged = new YAMLMap();
    merged.range = map.range ?? null;
    merged.items = map.items.filter((pair) => !isMerge(pair));
    for (const { value } of merges) {
      const sources = isSeq(value) ? value.items : [value];
      for (const source of sources) {
        const base = isAlias(source) ? source.resolve(document) : source;
        const pairs = isMap(base) ? this.#merged(document, base).items : [];
        merged.items.push(...pairs.filter(({ key }) => !merged.has(key)));
      }
    }
    this.#maps.set(map, merged);
    return merged;
  }

  #yamlProblem(message: string, offset: number): void {
    const said = this.#looksLikeTemplate() ?? message;
    if (this.#problems.some((each) => each.message === said)) return;
    this.#problems.push({ rule: "rule-file", message: said, ...this.#placeOf(offset) });
  }

  #problem(node: unknown, rule: LintId, message: string): void {
    const place = node === null ? { line: 1, column: 1 } : this.#place(node);
    if (this.#problems.some((each) => each.message === message && each.line === place.line)) return;
    this.#problems.push({ rule, message, ...place });
  }

  #place(node: unknown): Place {
    return this.#placeOf((node as Node | null)?.range?.[0] ?? 0);
  }

  #placeOf(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** Annotations have `{{ $labels.x }}`, which is no template of the file. */
  #looksLikeTemplate(): string | undefined {
    const isTemplate =
      /\{%|\{\{-?\s*(?:\.Values|\.Release|include\b|template\b|tpl\b)|^[ \t]*(?:- )?(?:\w+: *)?\{\{/m.test(this.#text);
    return isTemplate ? "this is a template (Helm, Jinja): render it, and check what comes out" : undefined;
  }
}

function textAt(map: YAMLMap, key: string): string | null {
  const value = map.get(key);
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : null;
}

function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.value === "<<" && key.type === "PLAIN";
}
