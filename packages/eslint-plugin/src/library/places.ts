import type { SourceCode } from "../rule.ts";
import { definitionOf, findVariable } from "../syntax/bindings.ts";
import type { FunctionNode, Node, Program } from "../syntax/nodes.ts";
import { functionAround, keyName, methodCall, parentOf, unwrap, wrapped } from "../syntax/tree.ts";
import { fieldOf, usesOfField } from "./fields.ts";

/** Where an object is kept: a variable that is never assigned anew, or a field of a class. */
export interface Place {
  /** The same for each use of the same place. */
  readonly key: object;
  readonly name: string;
  /** Every expression that names it in this file. */
  readonly uses: readonly Node[];
  /** What a variable is made as. */
  readonly init: Node | null;
  /** The function that makes it anew each time it is called; `undefined` for a field. */
  readonly owner: FunctionNode | Program | undefined;
  /** Whether others than this file may have it: it is exported, or a field that is not private. */
  readonly isOpen: boolean;
}

const fieldKeys = new WeakMap<object, Map<string, object>>();

export function placeOf(node: Node, source: SourceCode): Place | undefined {
  const named = unwrap(node);
  if (named.type === "Identifier") {
    const variable = findVariable(named, named.name, source);
    const definition = definitionOf(variable);
    if (variable === undefined || definition === undefined || definition.type === "ImportBinding") return undefined;
    const uses = variable.references.filter((each) => !each.isWrite()).map((each) => each.identifier);
    const isParameter = definition.type === "Parameter";
    return {
      key: variable,
      name: variable.name,
      uses,
      init: definition.node.type === "VariableDeclarator" ? definition.node.init : null,
      owner: isParameter ? undefined : functionAround(definition.name),
      isOpen: isParameter || isExported(definition.node),
    };
  }
  const field = fieldOf(named, source);
  if (field === undefined) return undefined;
  const { class: owner, name } = field;
  const keys = fieldKeys.get(owner) ?? new Map<string, object>();
  fieldKeys.set(owner, keys);
  const key = keys.get(name) ?? {};
  keys.set(name, key);
  return {
    key,
    name: `this.${name}`,
    uses: usesOfField(owner, name, source),
    init: null,
    owner: undefined,
    isOpen: !name.startsWith("#"),
  };
}

function isExported(definition: Node): boolean {
  const { parent } = definition;
  return parent.type !== "Program" && parent.parent?.type === "ExportNamedDeclaration";
}

/** The calls of one of these methods on it. */
export function callsOn(place: Place, names: readonly string[]): readonly Node[] {
  return place.uses.flatMap((use) => {
    const member = parentOf(use);
    if (member.type !== "MemberExpression" || unwrap(member.object) !== use) return [];
    const call = parentOf(member);
    const method = methodCall(call);
    return method !== undefined && method.object === use && names.includes(method.name) ? [method.call] : [];
  });
}

/** Whether it is used for anything but its own methods and properties: then somebody else may do what is missed here. */
export function escapes(place: Place): boolean {
  return (
    place.isOpen ||
    place.uses.some((use) => {
      const { parent } = wrapped(use);
      if (parent.type === "AssignmentExpression" && parent.left === use) return false;
      return parent.type !== "MemberExpression" || unwrap(parent.object) !== use;
    })
  );
}

interface MethodUse {
  /** `undefined` when it is computed. */
  readonly name: string | undefined;
  /** `undefined` when it is read, not called. */
  readonly call: Node | undefined;
}

/** The properties of it that are read or called. */
export function methodsOn(place: Place): readonly MethodUse[] {
  return place.uses.flatMap((use) => {
    const member = parentOf(use);
    if (member.type !== "MemberExpression" || unwrap(member.object) !== use) return [];
    const call = parentOf(member);
    const isCalled = call.type === "CallExpression" && unwrap(call.callee) === member;
    return [{ name: keyName(member.property, member.computed), call: isCalled ? call : undefined }];
  });
}
