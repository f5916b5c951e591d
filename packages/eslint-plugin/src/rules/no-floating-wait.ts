import type { Kind } from "../library/classes.ts";
import { kindOf } from "../library/kinds.ts";
import type { Place } from "../library/places.ts";
import { callsOn, escapes, placeOf } from "../library/places.ts";
import type { Fixer, Rule, SourceCode } from "../rule.ts";
import { defineRule } from "../rule.ts";
import { libraryName } from "../syntax/bindings.ts";
import type { CallExpression, Node, VariableDeclarator } from "../syntax/nodes.ts";
import { isDropped, isFunction, mayAwait, methodCall, parentOf, unwrap } from "../syntax/tree.ts";

const waits: ReadonlyMap<Kind, readonly string[]> = new Map<Kind, readonly string[]>([
  ["Channel", ["receive", "send"]],
  ["Context", ["sleep"]],
  ["Group", ["ready", "wait"]],
  ["Quota", ["permit"]],
  ["RedisQuota", ["permit"]],
  ["ReentrantSemaphore", ["acquire"]],
  ["Semaphore", ["acquire"]],
  ["WaitGroup", ["wait"]],
]);
const functions: ReadonlySet<string> = new Set([
  "batch",
  "forEachConcurrent",
  "hedge",
  "mapConcurrent",
  "retry",
  "select",
  "timeout",
]);

export const noFloatingWait: Rule = defineRule("no-floating-wait", {
  description: "Await what waits: groups, semaphores, channels, quotas, loops, batches, retries",
  messages: {
    floating: "The code goes on without waiting for `{{call}}`, and its failure is lost: await it, or say `void`.",
    neverAwaited:
      "Nobody waits for `{{name}}`, so nobody knows when its tasks have ended: `await {{name}}.wait()`{{or}}.",
    notIterated: "`mapConcurrent()` starts nothing until it is iterated: use `for await`, or `forEachConcurrent()`.",
    addAwait: "Await it.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const called = isDropped(node) ? waitingCall(node, sourceCode) : undefined;
        if (called === undefined) return;
        if (called === "mapConcurrent()") return context.report({ node, messageId: "notIterated" });
        const fix = { messageId: "addAwait", fix: (fixer: Fixer) => fixer.insertTextBefore(node, "await ") };
        context.report({ node, messageId: "floating", data: { call: called }, suggest: mayAwait(node) ? [fix] : [] });
      },
      VariableDeclarator(node: VariableDeclarator) {
        if (node.init === null || unwrap(node.init).type !== "NewExpression") return;
        const kind = kindOf(node.init, sourceCode);
        const place = kind === "Group" || kind === "WaitGroup" ? placeOf(node.id, sourceCode) : undefined;
        if (place === undefined || !isNeverAwaited(node, place)) return;
        const or = kind === "Group" ? ", or make it with `await using`" : "";
        context.report({ node: node.init, messageId: "neverAwaited", data: { name: place.name, or } });
      },
    };
  },
});

/** How to name the call in a message, if it is one that waits. */
function waitingCall(node: CallExpression, source: SourceCode): string | undefined {
  const name = libraryName(node.callee, source);
  if (name !== undefined && functions.has(name)) return `${name}()`;
  const method = methodCall(node);
  if (method === undefined || ![...waits.values()].some((names) => names.includes(method.name))) return undefined;
  const kind = kindOf(method.object, source);
  return kind !== undefined && waits.get(kind)?.includes(method.name) ? `${source.getText(node.callee)}()` : undefined;
}

/** A group of one call of a function, in which tasks are started and nothing else is done. */
function isNeverAwaited({ parent }: VariableDeclarator, place: Place): boolean {
  if (parent.type === "VariableDeclaration" && parent.kind.endsWith("using")) return false;
  // That of a module may be meant to live as long as the process.
  if (place.owner === undefined || !isFunction(place.owner) || escapes(place)) return false;
  const started = callsOn(place, ["go", "tryGo"]);
  const counted = callsOn(place, ["add", "done"]);
  // Who keeps what go() returns may wait for each task.
  return (
    started.length > 0 &&
    started.every((call) => isUnused(call)) &&
    started.length + counted.length === place.uses.length
  );
}

/** Dropped where it stands, or by `forEach()`. */
function isUnused(call: Node): boolean {
  if (isDropped(call)) return true;
  const callback = parentOf(call);
  if (callback.type !== "ArrowFunctionExpression") return false;
  const loop = parentOf(callback);
  return methodCall(loop)?.name === "forEach" && isDropped(loop);
}
