import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

type NodeKind = "VectorSelector" | "FunctionCall" | "BinaryExpr";

/** An expression that has been read. `errors` are places at which it stops making sense. */
export interface Expression {
  readonly text: string;
  /** The nodes that are asked for, by kind, in the order of the text. */
  readonly nodes: Readonly<Record<NodeKind, readonly SyntaxNode[]>>;
  readonly errors: readonly { readonly offset: number; readonly message: string }[];
}

/** What names series: `metric{label="value"}`. */
export interface Selector {
  readonly node: SyntaxNode;
  /** Null when it is chosen by labels alone, or by a pattern. */
  readonly metric: string | null;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Longer ones are nobody's rule; the tree of one takes several times its length. */
const longest = 64 * 1024;

/** Reads PromQL without a Prometheus. */
export function parseExpression(text: string): Expression {
  if (text.length > longest) {
    const message = `the expression is ${text.length} characters long; at most ${longest} are read`;
    return { text, nodes: { VectorSelector: [], FunctionCall: [], BinaryExpr: [] }, errors: [{ offset: 0, message }] };
  }
  const tree = parser.parse(text);
  const errors: { offset: number; message: string }[] = [];
  const nodes: Record<NodeKind, SyntaxNode[]> = { VectorSelector: [], FunctionCall: [], BinaryExpr: [] };
  tree.iterate({
    enter(node) {
      if (Object.hasOwn(nodes, node.name)) nodes[node.name as NodeKind].push(node.node);
      if (!node.type.isError || errors.some(({ offset }) => offset === node.from)) return;
      errors.push({ offset: node.from, message: unexpected(text, node.from) });
    },
  });
  return { text, nodes, errors };
}

function unexpected(text: string, offset: number): string {
  if (text.trim() === "") return "the expression is empty";
  const found = /^\s*([\w:.]+|\S)/.exec(text.slice(offset));
  if (found === null) return "the expression ends too early";
  return `unexpected ${JSON.stringify(found[1]!.slice(0, 40))}`;
}

export function textOf({ text }: Expression, node: SyntaxNode): string {
  return text.slice(node.from, node.to);
}

/** Each is asked for several times, and a file may have thousands. */
const selectors = new WeakMap<Expression, readonly Selector[]>();

export function selectorsOf(expression: Expression): readonly Selector[] {
  let all = selectors.get(expression);
  if (all === undefined) {
    all = expression.nodes.VectorSelector.map((node) => selectorOf(expression, node));
    selectors.set(expression, all);
  }
  return all;
}

function selectorOf(expression: Expression, node: SyntaxNode): Selector {
  const name = node.getChild("Identifier");
  let metric = name === null ? null : textOf(expression, name);
  const matchers: Matcher[] = [];
  const list = node.getChild("LabelMatchers");
  for (const each of list?.getChildren("UnquotedLabelMatcher") ?? []) {
    const matcher = matcherOf(expression, each, "LabelName");
    if (matcher !== null) matchers.push(matcher);
  }
  for (const each of list?.getChildren("QuotedLabelMatcher") ?? []) {
    const matcher = matcherOf(expression, each, "QuotedLabelName");
    if (matcher !== null) matchers.push({ ...matcher, label: unquoted(matcher.label) });
  }
  for (const each of list?.getChildren("QuotedLabelName") ?? []) metric ??= unquoted(textOf(expression, each));
  const named = matchers.find(({ label, operator }) => label === "__name__" && operator === "=");
  return {
    node,
    metric: metric ?? named?.value ?? null,
    matchers: matchers.filter(({ label }) => label !== "__name__"),
  };
}

function matcherOf(expression: Expression, node: SyntaxNode, nameKind: string): Matcher | null {
  const [label, operator] = [node.getChild(nameKind), node.getChild("MatchOp")];
  const value = node.getChild("StringLiteral");
  if (label === null || operator === null || value === null) return null;
  return {
    label: textOf(expression, label),
    operator: textOf(expression, operator),
    value: unquoted(textOf(expression, value)),
  };
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  return text.startsWith("`") ? inner : inner.replaceAll(/\\(.)/g, "$1");
}

/** The name of a function that is called. */
export function functionName(expression: Expression, call: SyntaxNode): string {
  const name = call.getChild("FunctionIdentifier");
  return name === null ? "" : textOf(expression, name).toLowerCase();
}

/** What stands between the brackets of a call or an aggregation. */
export function argumentsOf(call: SyntaxNode): SyntaxNode[] {
  return childrenOf(call.getChild("FunctionCallBody"));
}

export function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) {
    if (child.name !== "LineComment") children.push(child);
  }
  return children;
}

/** The same without the brackets around it. */
export function bare(node: SyntaxNode): SyntaxNode {
  let inner = node;
  while (inner.name === "ParenExpr") {
    const [only] = childrenOf(inner);
    if (only === undefined) break;
    inner = only;
  }
  return inner;
}

/** The two sides of a binary operation and what is done with them, such as `Div`, `Gtr` or `And`. */
export function sidesOf(
  node: SyntaxNode,
): { readonly left: SyntaxNode; readonly operator: string; readonly right: SyntaxNode } | null {
  if (node.name !== "BinaryExpr") return null;
  const [left, operator] = [node.firstChild, node.firstChild?.nextSibling];
  const right = node.lastChild;
  if (left === null || right === null || operator === null || operator === undefined) return null;
  return { left, operator: operator.name, right };
}
