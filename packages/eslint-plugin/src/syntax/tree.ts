import type { SourceCode } from "../rule.ts";
import type { CallExpression, FunctionNode, Node, Program } from "./nodes.ts";

export function isFunction(node: Node): node is FunctionNode {
  const { type } = node;
  return type === "ArrowFunctionExpression" || type === "FunctionExpression" || type === "FunctionDeclaration";
}

function isWrapper(node: Node): boolean {
  return /^(?:TSNonNullExpression|TSAsExpression|TSSatisfiesExpression|TSTypeAssertion|ChainExpression)$/.test(
    node.type,
  );
}

/** The expression itself: `x` of `x!`, `x as T`, `(x)`. */
export function unwrap(node: Node): Node {
  let inner = node;
  while (isWrapper(inner) && "expression" in inner) inner = inner.expression;
  return inner;
}

/** The other way: the outermost expression that is nothing but `node`. */
export function wrapped(node: Node): Node {
  let outer = node;
  while (outer.type !== "Program" && isWrapper(outer.parent)) outer = outer.parent;
  return outer;
}

/** What the node is part of, wrappers aside. */
export function parentOf(node: Node): Node {
  return wrapped(node).parent;
}

/** The nearest function that has `node` in it, else the program. */
export function functionAround(node: Node): FunctionNode | Program {
  for (let outer = node; outer.type !== "Program"; outer = outer.parent) {
    if (outer !== node && isFunction(outer)) return outer;
    // The initial value of a field and a static block run on their own.
    if (outer.type === "PropertyDefinition" || outer.type === "StaticBlock") break;
  }
  let program = node;
  while (program.type !== "Program") program = program.parent;
  return program;
}

/** Whether `await` may be written there: not in what runs on its own, nor in the default value of a parameter. */
export function mayAwait(node: Node): boolean {
  for (let outer = node; outer.type !== "Program"; outer = outer.parent) {
    const { parent } = outer;
    if (isFunction(parent)) return parent.async && parent.body === outer;
    if (/^(?:PropertyDefinition|AccessorProperty|StaticBlock|TSModuleBlock)$/.test(parent.type)) return false;
    if (parent.type === "Program") return parent.sourceType === "module";
  }
  return false;
}

export function isInside(node: Node, outer: Node): boolean {
  return outer.range[0] <= node.range[0] && node.range[1] <= outer.range[1];
}

/** `name` of `x.name`, `x["name"]`, `x.#name`, and of the key of a property. */
export function keyName(key: Node, computed: boolean): string | undefined {
  if (key.type === "Literal") return typeof key.value === "string" ? key.value : undefined;
  if (computed) return undefined;
  if (key.type === "Identifier") return key.name;
  return key.type === "PrivateIdentifier" ? `#${key.name}` : undefined;
}

/** A call of a method by name: `object.name(...)`. */
export function methodCall(
  node: Node,
): { readonly call: CallExpression; readonly object: Node; readonly name: string } | undefined {
  const call = unwrap(node);
  if (call.type !== "CallExpression") return undefined;
  const callee = unwrap(call.callee);
  if (callee.type !== "MemberExpression") return undefined;
  const name = keyName(callee.property, callee.computed);
  return name === undefined ? undefined : { call, object: unwrap(callee.object), name };
}

/** Whether nobody gets the value of this expression. With `void` in front it is dropped on purpose: that is false. */
export function isDropped(node: Node): boolean {
  const expression = wrapped(node);
  const { parent } = expression;
  switch (parent.type) {
    case "ExpressionStatement":
      return true;
    case "LogicalExpression":
      return parent.right === expression && isDropped(parent);
    case "ConditionalExpression":
      return parent.test !== expression && isDropped(parent);
    case "SequenceExpression":
      return parent.expressions.at(-1) !== expression || isDropped(parent);
    default:
      return false;
  }
}

/** Nobody waits for it: a statement, with or without `void`, also at the end of a chain of `then`. */
export function isLeftAlone(call: Node): boolean {
  if (isDropped(call)) return true;
  const parent = parentOf(call);
  if (parent.type === "UnaryExpression" && parent.operator === "void") return true;
  if (parent.type !== "MemberExpression") return false;
  const next = parentOf(parent);
  const name = methodCall(next)?.name;
  return (name === "then" || name === "catch" || name === "finally") && isLeftAlone(next);
}

/** Visits `node` and what is in it, in the order of the code. What `visit` returns `false` for is not entered. */
export function walk(node: Node, source: SourceCode, visit: (node: Node) => boolean | void): void {
  if (visit(node) === false) return;
  for (const key of source.visitorKeys[node.type] ?? []) {
    const child = (node as unknown as Readonly<Record<string, unknown>>)[key];
    for (const each of Array.isArray(child) ? (child as readonly unknown[]) : [child]) {
      if (isNode(each)) walk(each, source, visit);
    }
  }
}

/** Like {@link walk}, without the functions within: what runs when the function runs. */
export function walkBody(node: Node, source: SourceCode, visit: (node: Node) => void): void {
  walk(node, source, (each) => {
    if (each !== node && isFunction(each)) return false;
    visit(each);
    return true;
  });
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

/** Whether some node in it, `node` included, is such a one. */
export function contains(node: Node, source: SourceCode, wanted: (node: Node) => boolean): boolean {
  let found = false;
  walk(node, source, (each) => {
    found ||= wanted(each);
    return !found;
  });
  return found;
}
