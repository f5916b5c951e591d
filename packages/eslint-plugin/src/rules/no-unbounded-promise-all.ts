import { kindOf } from "../library/kinds.ts";
import { isCleanup } from "../library/pauses.ts";
import { callsOn, placeOf } from "../library/places.ts";
import type { Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { definitionOf, findVariable, importedFrom, isGlobal } from "../syntax/bindings.ts";
import type { CallExpression, FunctionNode, Node } from "../syntax/nodes.ts";
import { contains, isFunction, methodCall, unwrap, walkBody } from "../syntax/tree.ts";

export const noUnboundedPromiseAll: Rule = defineRule("no-unbounded-promise-all", {
  description: "Do not start as many tasks at once as a list is long",
  type: "suggestion",
  messages: {
    unbounded:
      "This starts a task for every item at once, however many there are: use `mapConcurrent()`, `batch()` or `Group` with `concurrency`, or run each under a `Semaphore`.",
  },
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method === undefined || !/^all(?:Settled)?$/.test(method.name)) return;
        if (!isGlobal(method.object, "Promise", sourceCode)) return;
        const mapped = node.arguments[0] === undefined ? undefined : mapping(node.arguments[0], sourceCode);
        if (mapped === undefined || isBounded(mapped.list, sourceCode) || isCleanup(node)) return;
        if (startsWork(mapped.callback, sourceCode)) context.report({ node, messageId: "unbounded" });
      },
    };
  },
});

/** `list.map(callback)` and `Array.from(list, callback)`. */
function mapping(node: Node, source: SourceCode): { readonly list: Node; readonly callback: Node } | undefined {
  const method = methodCall(node);
  const [first, second] = method?.call.arguments ?? [];
  if (method === undefined || first === undefined) return undefined;
  if (method.name === "map") return { list: method.object, callback: unwrap(first) };
  const isFrom = method.name === "from" && second !== undefined && isGlobal(method.object, "Array", source);
  return isFrom ? { list: unwrap(first), callback: unwrap(second) } : undefined;
}

const sameLength: ReadonlySet<string> = new Set([
  "concat",
  "entries",
  "fill",
  "filter",
  "flat",
  "keys",
  "map",
  "reverse",
  "sort",
  "toReversed",
  "toSorted",
  "values",
]);

/** Whether the program, not its input, says how long the list is at most. */
function isBounded(node: Node, source: SourceCode, depth = 0): boolean {
  const list = unwrap(node);
  if (depth > 8) return true;
  switch (list.type) {
    case "ArrayExpression":
      return list.elements.every(
        (each) =>
          each?.type !== "SpreadElement" || (each.argument !== null && isBounded(each.argument, source, depth + 1)),
      );
    case "ObjectExpression":
      return !contains(list, source, (each) => each.type === "SpreadElement" || isLength(each));
    case "Identifier":
      return isBoundedName(list.name) || isBoundedVariable(list, list.name, source, depth);
    case "NewExpression":
      return isGlobal(list.callee, "Array", source);
    case "CallExpression": {
      if (isGlobal(list.callee, "Array", source)) return true;
      const method = methodCall(list);
      if (method === undefined) return false;
      const { object, name, call } = method;
      const [first] = call.arguments;
      if (name === "slice")
        return (
          call.arguments.length === 2 || (first !== undefined && !isLength(first) && first.type === "UnaryExpression")
        );
      const isOfObject = isGlobal(object, "Object", source) && ["entries", "keys", "values"].includes(name);
      if (isOfObject || (name === "from" && isGlobal(object, "Array", source)))
        return first !== undefined && isBounded(first, source, depth + 1);
      return sameLength.has(name) && isBounded(object, source, depth + 1);
    }
    default:
      return false;
  }
}

function isLength(node: Node): boolean {
  return node.type === "MemberExpression" && node.property.type === "Identifier" && node.property.name === "length";
}

/** A constant by its name, or a piece that was cut off before. */
function isBoundedName(name: string): boolean {
  return /^[A-Z][A-Z0-9_]*$/.test(name) || /(?:batch|chunk|page|slice|window)$/i.test(name);
}

function isBoundedVariable(node: Node, name: string, source: SourceCode, depth: number): boolean {
  const definition = definitionOf(findVariable(node, name, source));
  if (definition?.node.type !== "VariableDeclarator" || definition.node.id !== definition.name) return false;
  const { init } = definition.node;
  if (init === null || unwrap(init).type === "Identifier" || !isBounded(init, source, depth + 1)) return false;
  const place = placeOf(node, source);
  return place !== undefined && callsOn(place, ["push", "splice", "unshift"]).length === 0;
}

/** Names of what waits its turn, and of what ends or follows work that is under way already. */
const limits = /limit|throttle|queue|sem(?:aphore)?$|mutex|lock|pool|bucket|schedul|bottleneck/i;
const follows =
  /^#?(?:abort|cancel|catch|clear|close|closed|commit|destroy|discard|disconnect|dispose|drain|end|finally|finished|flush|join|json|kill|off|quit|reject|release|resolve|return|rollback|shutdown|stop|terminate|text|then|wait)(?:All)?$/i;

function startsWork(callback: Node, source: SourceCode): boolean {
  if (callback.type === "Identifier") {
    if (follows.test(callback.name)) return false;
    const body = functionNamed(callback, callback.name, source);
    return body === undefined
      ? importedFrom(callback, source) !== undefined && !limits.test(callback.name)
      : works(body, source, 1);
  }
  return isFunction(callback) && works(callback, source, 1);
}

function works(body: FunctionNode, source: SourceCode, depth: number): boolean {
  let starts = false;
  let isLimited = false;
  walkBody(body, source, (node) => {
    if (node.type !== "CallExpression") return;
    const method = methodCall(node);
    const callee = unwrap(node.callee);
    if (isLimit(node, method?.object, source)) isLimited = true;
    else if (!follows.test(method?.name ?? nameOf(callee)) && !(method && isGlobal(method.object, "Promise", source))) {
      starts ||= body.async || isResult(node, body, source);
      const inner = callee.type === "Identifier" && depth < 3 ? functionNamed(callee, callee.name, source) : undefined;
      if (
        inner !== undefined &&
        contains(
          inner,
          source,
          (each) => each.type === "CallExpression" && isLimit(each, methodCall(each)?.object, source),
        )
      )
        isLimited = true;
    }
  });
  const awaits = contains(body, source, ({ type }) => type === "AwaitExpression");
  return (
    starts && !isLimited && (!body.async || awaits || body.body.type !== "BlockStatement" || returnsCall(body, source))
  );
}

function nameOf(callee: Node): string {
  return callee.type === "Identifier" ? callee.name : "";
}

/** Whether the call waits its turn: on something of the library, or something that is named so. */
function isLimit(call: CallExpression, object: Node | undefined, source: SourceCode): boolean {
  if (object !== undefined && kindOf(object, source) !== undefined) return true;
  const name = unwrap(object ?? call.callee);
  if (name.type === "Identifier") return limits.test(name.name);
  if (name.type !== "MemberExpression") return false;
  return limits.test((name.property as { name?: string }).name ?? "");
}

function isResult(call: Node, body: FunctionNode, source: SourceCode): boolean {
  return unwrap(body.body) === call || returnsCall(body, source);
}

function returnsCall(body: FunctionNode, source: SourceCode): boolean {
  return contains(
    body.body,
    source,
    (node) =>
      node.type === "ReturnStatement" && node.argument !== null && unwrap(node.argument).type === "CallExpression",
  );
}

function functionNamed(node: Node, name: string, source: SourceCode): FunctionNode | undefined {
  const definition = definitionOf(findVariable(node, name, source));
  if (definition === undefined) return undefined;
  if (isFunction(definition.node) && definition.type === "FunctionName") return definition.node;
  const init = definition.node.type === "VariableDeclarator" ? definition.node.init : null;
  const value = init === null ? undefined : unwrap(init);
  return value !== undefined && isFunction(value) ? value : undefined;
}
