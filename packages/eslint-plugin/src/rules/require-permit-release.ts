import type { Kind } from "../library/classes.ts";
import { lent } from "../library/classes.ts";
import { kindOf } from "../library/kinds.ts";
import { optionOf } from "../library/joins.ts";
import { awaitsThatSkip, isCleanup, isOnOtherPath } from "../library/pauses.ts";
import type { Place } from "../library/places.ts";
import { callsOn, escapes, methodsOn, placeOf } from "../library/places.ts";
import type { Rule, RuleContext, SourceCode, Suggestion } from "../rule.ts";
import { defineRule } from "../rule.ts";
import type { CallExpression, FunctionNode, Node, TryStatement, VariableDeclarator } from "../syntax/nodes.ts";
import {
  functionAround,
  isDropped,
  isFunction,
  isInside,
  keyName,
  methodCall,
  parentOf,
  unwrap,
} from "../syntax/tree.ts";

/** How each permit is given back. */
const ends: ReadonlyMap<Kind, readonly string[]> = new Map<Kind, readonly string[]>([
  ["LeasePermit", ["release"]],
  ["LimitPermit", ["success", "dropped", "ignore"]],
  ["Permit", ["release"]],
  ["PoolPermit", ["release", "destroy"]],
]);

export const requirePermitRelease: Rule = defineRule("require-permit-release", {
  description: "Give every permit back, however the block is left",
  messages: {
    dropped: "This permit can never be given back: hold it with `using`, or run the work with `run()`.",
    never: "`{{name}}` is never given back: hold it with `using`, or run the work with `run()`.",
    skipped: "If what is awaited meanwhile fails, `{{name}}` is not given back: use `using`, `finally` or `run()`.",
    notTaken:
      "When `acquire()` rejects, nothing was taken, and the `finally` gives back what others hold: acquire before the `try`.",
    hold: "Hold it with `{{using}}`.",
  },
  hasSuggestions: true,
  create(context) {
    const { sourceCode } = context;
    return {
      CallExpression(node: CallExpression) {
        const method = methodCall(node);
        if (method === undefined || !/^(?:try)?(?:permit|acquire)$/i.test(method.name)) return;
        const kind = kindOf(method.object, sourceCode);
        if (kind === undefined || (!lent.has(kind) && kind !== "Limiter")) return;
        const isBare = /acquire$/i.test(method.name) && kind !== "Limiter";
        if (isBare) checkAcquired(node, method.object, context);
        else if (isLost(node, sourceCode)) context.report({ node, messageId: "dropped" });
      },
      VariableDeclarator(node: VariableDeclarator) {
        // A permit that has a name already is looked at where it got it.
        if (node.init === null || isUsing(node) || !/^(?:Await|Call)/.test(unwrap(node.init).type)) return;
        const kind = kindOf(node.init, sourceCode);
        const names = kind === undefined ? undefined : ends.get(kind);
        if (names !== undefined) checkPermit(node, names, kind === "LeasePermit", context);
      },
    };
  },
});

/** The permit is thrown away, or only something of it is kept. */
function isLost(call: CallExpression, source: SourceCode): boolean {
  const outer = parentOf(call);
  const value = outer.type === "AwaitExpression" ? outer : call;
  const parent = parentOf(value);
  if (isDropped(value) || (parent.type === "UnaryExpression" && parent.operator === "void")) return true;
  const names = ends.get(kindOf(value, source) ?? "Group");
  if (names === undefined || parent.type !== "MemberExpression") return false;
  const name = keyName(parent.property, parent.computed);
  return name !== undefined && !names.includes(name);
}

function checkPermit(node: VariableDeclarator, names: readonly string[], isAsync: boolean, context: RuleContext): void {
  const { sourceCode } = context;
  if (node.id.type === "ObjectPattern") {
    const keys = node.id.properties.map((each) =>
      each.type === "Property" ? keyName(each.key, each.computed) : undefined,
    );
    const isKept = keys.some((key) => key === undefined || names.includes(key));
    if (!isKept) context.report({ node: node.init!, messageId: "dropped" });
    return;
  }
  const place = placeOf(node.id, sourceCode);
  if (place === undefined || escapes(place)) return;
  const uses = methodsOn(place);
  // A computed name may be Symbol.dispose; one that is only read is handed to somebody.
  if (uses.some(({ name, call }) => name === undefined || (call === undefined && names.includes(name)))) return;
  const data = { name: place.name };
  const suggest = holding(node, isAsync, sourceCode);
  const given = callsOn(place, names);
  if (given.length === 0) return context.report({ node: node.init!, messageId: "never", data, suggest });
  if (isSkipped(node, given, lenderOf(node, sourceCode), sourceCode)) {
    context.report({ node: node.init!, messageId: "skipped", data, suggest });
  }
}

function isUsing({ parent }: VariableDeclarator): boolean {
  return parent.type === "VariableDeclaration" && parent.kind.endsWith("using");
}

/** Where the semaphore, pool or limiter is kept that the permit is of. */
function lenderOf({ init }: VariableDeclarator, source: SourceCode): Place | undefined {
  const value = unwrap(init!);
  const method = methodCall(value.type === "AwaitExpression" ? value.argument : value);
  return method && placeOf(method.object, source);
}

/** Some await between the taking and all of the givings back skips them when it rejects. */
function isSkipped(taken: Node, given: readonly Node[], lender: Place | undefined, source: SourceCode): boolean {
  const around = functionAround(taken);
  // A program that fails has ended; so has the life of a semaphore that only this call of the function knows.
  if (!isFunction(around) || lender?.owner === around) return false;
  if (given.some((call) => functionAround(call) !== around || isCleanup(call))) return false;
  const after = given.filter((call) => call.range[0] >= taken.range[1]);
  return after.some((call) =>
    awaitsThatSkip(call, taken.range[1], around.body, source, (each) => given.includes(each)).some(
      (skip) => !after.some((earlier) => earlier.range[1] <= skip.range[0] && !isOnOtherPath(earlier, skip, source)),
    ),
  );
}

function holding(node: VariableDeclarator, isAsync: boolean, source: SourceCode): readonly Suggestion[] {
  const declaration = node.parent;
  if (declaration.type !== "VariableDeclaration" || declaration.kind !== "const") return [];
  if (declaration.declarations.length !== 1 || declaration.parent.type !== "BlockStatement") return [];
  if (isAsync && (functionAround(node) as Partial<FunctionNode>).async !== true) return [];
  const using = isAsync ? "await using" : "using";
  const [start] = declaration.range;
  const fix: Suggestion["fix"] = (fixer) => fixer.replaceTextRange([start, start + "const".length], using);
  return source.getText(declaration).startsWith("const") ? [{ messageId: "hold", data: { using }, fix }] : [];
}

/** `await semaphore.acquire()` and `semaphore.release()`. */
function checkAcquired(node: CallExpression, object: Node, context: RuleContext): void {
  const { sourceCode } = context;
  const outer = parentOf(node);
  const place = placeOf(object, sourceCode);
  if (place === undefined || outer.type !== "AwaitExpression" || !isDropped(outer)) return;
  const around = functionAround(node);
  if (!isFunction(around) || place.owner === around) return;
  const uses = methodsOn(place).filter(({ name }) => name === undefined || name === "release");
  if (uses.some(({ call }) => call === undefined)) return;
  const releases = callsOn(place, ["release"]);
  const data = { name: place.name };
  if (releases.length === 0) {
    if (!escapes(place) && !takesAll(node)) context.report({ node, messageId: "never", data });
    return;
  }
  const own = releases.filter((call) => isInside(call, around));
  if (mayReject(node) && releasedBy(node, own) !== undefined) context.report({ node, messageId: "notTaken" });
  else if (isSkipped(outer, own, place, sourceCode)) context.report({ node, messageId: "skipped", data });
}

/** `acquire(semaphore.permits)` waits until all others have ended: often there is nothing after it. */
function takesAll(node: CallExpression): boolean {
  const weight = node.arguments[0];
  return weight?.type === "MemberExpression" && keyName(weight.property, weight.computed) === "permits";
}

function mayReject(node: CallExpression): boolean {
  return ["signal", "timeout"].some((name) => typeof optionOf(node, 1, name) === "object");
}

/** The `try` that the call is a plain statement of, if its `finally` releases whatever happened. */
function releasedBy(node: Node, releases: readonly Node[]): TryStatement | undefined {
  let statement = node;
  while (statement.type !== "ExpressionStatement" && statement.type !== "Program") statement = statement.parent;
  const block = statement.parent;
  const outer = block?.parent;
  if (outer?.type !== "TryStatement" || outer.block !== block || outer.finalizer === null) return undefined;
  const isPlain = outer.finalizer.body.some(
    (each) => each.type === "ExpressionStatement" && releases.includes(unwrap(each.expression)),
  );
  // Another acquire() before it may be the one that the `finally` is for.
  return isPlain && block.type === "BlockStatement" && block.body[0] === statement ? outer : undefined;
}
