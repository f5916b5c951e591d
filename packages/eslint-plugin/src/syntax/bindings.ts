import type { SourceCode, Variable } from "../rule.ts";
import type { Node } from "./nodes.ts";
import { keyName, unwrap } from "./tree.ts";

/** What a name means where it stands; `undefined` for a global nobody declares. */
export function findVariable(node: Node, name: string, source: SourceCode): Variable | undefined {
  for (let scope = source.getScope(node) as ReturnType<SourceCode["getScope"]> | null; scope; scope = scope.upper) {
    const variable = scope.set.get(name);
    if (variable !== undefined) return variable;
  }
  return undefined;
}

/** Whether it is the platform's own `name`, which no declaration hides. */
export function isGlobal(node: Node, name: string, source: SourceCode): boolean {
  const named = unwrap(node);
  return (
    named.type === "Identifier" && named.name === name && !((findVariable(named, name, source)?.defs.length ?? 0) > 0)
  );
}

/** The only definition of a variable that nothing is assigned to later. */
export function definitionOf(variable: Variable | undefined): Variable["defs"][number] | undefined {
  if (variable?.defs.length !== 1) return undefined;
  const definition = variable.defs[0]!;
  const initial = definition.type === "Variable" ? 1 : 0;
  const writes = variable.references.filter((reference) => reference.isWrite()).length;
  return writes > initial + parameterDefaults(definition.name) ? undefined : definition;
}

/** A default value counts as one assignment. */
function parameterDefaults(name: Node): number {
  return name.parent?.type === "AssignmentPattern" && name.parent.left === name ? 1 : 0;
}

interface Imported {
  readonly from: string;
  readonly name: string;
}

/**
 * Where a name comes from, for `import`, `require()` and `await import()`: `{ from: "snowshed", name: "Semaphore" }`.
 * The name of the module itself is `*`.
 */
export function importedFrom(node: Node, source: SourceCode): Imported | undefined {
  const named = unwrap(node);
  if (named.type === "MemberExpression" || named.type === "TSQualifiedName") {
    const [object, key] =
      named.type === "MemberExpression" ? [named.object, named.property] : [named.left, named.right];
    const module = importedFrom(object, source);
    const name = keyName(key, named.type === "MemberExpression" && named.computed);
    return module?.name === "*" && name !== undefined ? { from: module.from, name } : undefined;
  }
  if (named.type !== "Identifier") return undefined;
  const definition = definitionOf(findVariable(named, named.name, source));
  if (definition?.type === "ImportBinding") return importBinding(definition);
  if (definition?.type !== "Variable" || definition.node.type !== "VariableDeclarator") return undefined;
  const { id, init } = definition.node;
  const from = init === null ? undefined : requiredModule(init, source);
  if (from === undefined) return undefined;
  if (id.type === "Identifier") return { from, name: "*" };
  const property = definition.name.parent;
  if (property.type !== "Property" || property.parent !== id) return undefined;
  const name = keyName(property.key, property.computed);
  return name === undefined ? undefined : { from, name };
}

function importBinding({ node, parent }: Variable["defs"][number]): Imported | undefined {
  if (parent?.type !== "ImportDeclaration") return undefined;
  const from = String(parent.source.value);
  if (node.type === "ImportNamespaceSpecifier") return { from, name: "*" };
  // The default export of a CommonJS module is the module, as Node has it.
  if (node.type === "ImportDefaultSpecifier") return { from, name: "*" };
  const imported = node.type === "ImportSpecifier" ? node.imported : undefined;
  if (imported === undefined) return undefined;
  return { from, name: imported.type === "Identifier" ? imported.name : String(imported.value) };
}

function requiredModule(init: Node, source: SourceCode): string | undefined {
  const value = unwrap(init);
  let argument: Node | undefined;
  if (value.type === "AwaitExpression" && value.argument.type === "ImportExpression") argument = value.argument.source;
  else if (value.type === "CallExpression" && isGlobal(value.callee, "require", source)) argument = value.arguments[0];
  return argument?.type === "Literal" && typeof argument.value === "string" ? argument.value : undefined;
}

/** The library's own name of what `node` names, if it comes from `snowshed` or a sub-path of it. */
export function libraryName(node: Node, source: SourceCode): string | undefined {
  const imported = importedFrom(node, source);
  return imported !== undefined && /^snowshed(?:\/|$)/.test(imported.from) ? imported.name : undefined;
}

/** The name of what comes from one of these modules of the platform, with or without `node:`. */
export function platformName(node: Node, modules: readonly string[], source: SourceCode): string | undefined {
  const imported = importedFrom(node, source);
  return imported !== undefined && modules.includes(imported.from.replace(/^node:/, "")) ? imported.name : undefined;
}
