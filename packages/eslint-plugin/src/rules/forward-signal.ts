import type { Kind } from "../library/classes.ts";
import { contextInScope, lacksSignal } from "../library/contexts.ts";
import { joinedBy, optionOf } from "../library/joins.ts";
import { kindOf } from "../library/kinds.ts";
import { isCleanup } from "../library/pauses.ts";
import type { Fixer, Rule, SourceCode, Suggestion } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { definitionOf, findVariable, isGlobal, libraryName, platformName } from "../syntax/bindings.ts";
import type { CallExpression, Node } from "../syntax/nodes.ts";
import { keyName, methodCall, unwrap } from "../syntax/tree.ts";

interface Target {
  readonly name: string;
  /** Which argument has the options. */
  readonly options: number;
  /** The library's own take a context as well as a signal. */
  readonly isLibrary: boolean;
}

const waits: ReadonlyMap<string, number> = new Map<`${Kind}.${string}`, number>([
  ["Channel.receive", 0],
  ["Channel.send", 1],
  ["EtcdSemaphore.permit", 1],
  ["EtcdSemaphore.run", 1],
  ["FileHandles.permit", 1],
  ["FileHandles.run", 1],
  ["Limiter.acquire", 0],
  ["Limiter.run", 1],
  ["Pipeline.run", 1],
  ["Pool.permit", 0],
  ["Pool.run", 1],
  ["Quota.permit", 1],
  ["Quota.run", 1],
  ["RedisQuota.permit", 1],
  ["RedisQuota.run", 1],
  ["RedisSemaphore.permit", 1],
  ["RedisSemaphore.run", 1],
  ["Semaphore.acquire", 1],
  ["Semaphore.permit", 1],
  ["Semaphore.run", 1],
]);

const functions: ReadonlyMap<string, number> = new Map([
  ["batch", 2],
  ["forEachConcurrent", 2],
  ["hedge", 1],
  ["mapConcurrent", 2],
  ["retry", 1],
  ["select", 1],
  ["timeout", 2],
]);

export const forwardSignal: Rule = defineRule("forward-signal", {
  description: "Pass the signal of a task on to what it waits for",
  messages: {
    pass: "`{{name}}()` goes on when this task is canceled: pass it `signal`.",
    take: "`{{name}}()` goes on when this task is canceled: take the context, the parameter of the task, and pass its `signal`.",
    add: "Pass `{{value}}`.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const target = targetOf(node, sourceCode);
        if (target === undefined || !lacksSignal(node, target.options)) return;
        if (joinedBy(node, sourceCode) === undefined || isCleanup(node)) return;
        const scope = contextInScope(node, sourceCode);
        if (scope === undefined) return;
        const data = { name: target.name };
        if (!scope.isTaken) {
          // Many tasks wait for the library only, and no longer than others of theirs run.
          if (!target.isLibrary) context.report({ node, messageId: "take", data });
          return;
        }
        const value = target.isLibrary ? scope.context : scope.signal;
        const isPlain = endsPlainly(node, sourceCode);
        const suggest = value === undefined || !isPlain ? [] : [passing(node, target.options, value)];
        context.report({ node, messageId: "pass", data, suggest });
      },
    };
  },
});

function targetOf(node: CallExpression, source: SourceCode): Target | undefined {
  const platform = platformTarget(node, source);
  if (platform !== undefined) return platform;
  const name = libraryName(node.callee, source);
  const options = name === undefined ? undefined : functions.get(name);
  if (name !== undefined && options !== undefined) return { name, options, isLibrary: true };
  const method = methodCall(node);
  if (method === undefined || ![...waits.keys()].some((key) => key.endsWith(`.${method.name}`))) return undefined;
  const index = waits.get(`${kindOf(method.object, source) ?? ""}.${method.name}`);
  // A wait that is bounded ends by itself.
  if (index === undefined || ["timeout", "maxWait"].some((option) => optionOf(node, index, option) !== "absent"))
    return undefined;
  return { name: source.getText(node.callee), options: index, isLibrary: true };
}

function platformTarget(node: CallExpression, source: SourceCode): Target | undefined {
  const timer = platformName(node.callee, ["timers/promises"], source);
  if (timer === "setTimeout") return { name: source.getText(node.callee), options: 2, isLibrary: false };
  const event = platformName(node.callee, ["events"], source);
  if (event === "once" || event === "on") return { name: source.getText(node.callee), options: 2, isLibrary: false };
  const isUndici = platformName(node.callee, ["undici"], source) === "fetch";
  if (!isUndici && !isGlobal(node.callee, "fetch", source) && !isWrappedFetch(node.callee, source)) return undefined;
  const [address] = node.arguments;
  return address !== undefined && isAddress(address, source)
    ? { name: "fetch", options: 1, isLibrary: false }
    : undefined;
}

/** `const fetch = wrapFetch(...)` of `snowshed/http`. */
function isWrappedFetch(callee: Node, source: SourceCode): boolean {
  const name = unwrap(callee);
  if (name.type !== "Identifier") return false;
  const init = initOf(name, source);
  return init?.type === "CallExpression" && libraryName(init.callee, source) === "wrapFetch";
}

function initOf(name: Node, source: SourceCode): Node | undefined {
  const definition = name.type === "Identifier" ? definitionOf(findVariable(name, name.name, source)) : undefined;
  if (definition?.node.type !== "VariableDeclarator" || definition.node.id !== definition.name) return undefined;
  return definition.node.init === null ? undefined : unwrap(definition.node.init);
}

/** Whether it is surely no `Request`, which may carry a signal of its own. */
function isAddress(node: Node, source: SourceCode): boolean {
  const value = unwrap(node);
  switch (value.type) {
    case "Literal":
    case "TemplateLiteral":
    case "BinaryExpression":
      return true;
    case "NewExpression":
      return isGlobal(value.callee, "URL", source);
    case "MemberExpression":
      return isAddressName(keyName(value.property, value.computed) ?? "");
    case "Identifier": {
      const init = initOf(value, source);
      if (init !== undefined && init.type !== "Identifier" && isAddress(init, source)) return true;
      return isAddressName(value.name) || isText(value.name, value, source);
    }
    default:
      return false;
  }
}

function isAddressName(name: string): boolean {
  return /(?:^|[a-z_])(?:url|uri|href|endpoint)$/i.test(name);
}

function isText(name: string, node: Node, source: SourceCode): boolean {
  const declared = findVariable(node, name, source)?.defs[0]?.name;
  return declared?.type === "Identifier" && declared.typeAnnotation?.typeAnnotation?.type === "TSStringKeyword";
}

/** Nothing but a comma is between its last argument and its end: no bracket around that, no comment. */
function endsPlainly(node: CallExpression, source: SourceCode): boolean {
  const last = node.arguments.at(-1);
  return last === undefined || /^\s*,?\s*\)$/.test(source.text.slice(last.range[1], node.range[1]));
}

/** Adds `signal` to the options, or the options. */
function passing(node: CallExpression, index: number, value: string): Suggestion {
  const property = value === "signal" ? "signal" : `signal: ${value}`;
  const fix = (fixer: Fixer): unknown => {
    const options = node.arguments[index];
    const literal = options === undefined ? undefined : unwrap(options);
    if (literal?.type === "ObjectExpression") {
      const [first] = literal.properties;
      if (first !== undefined) return fixer.insertTextBefore(first, `${property}, `);
      return fixer.replaceTextRange(literal.range, `{ ${property} }`);
    }
    const missing = [
      ...Array.from({ length: index - node.arguments.length }, () => "undefined"),
      `{ ${property} }`,
    ].join(", ");
    const last = node.arguments.at(-1);
    if (last !== undefined) return fixer.insertTextAfter(last, `, ${missing}`);
    return fixer.replaceTextRange([node.range[1] - 1, node.range[1]], `${missing})`);
  };
  return { messageId: "add", data: { value: property }, fix };
}
