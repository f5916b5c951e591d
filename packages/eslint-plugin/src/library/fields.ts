import type { SourceCode } from "../rule.ts";
import type { Class, Node } from "../syntax/nodes.ts";
import { keyName, unwrap, walk } from "../syntax/tree.ts";

interface FieldUse {
  readonly class: Class;
  readonly name: string;
  /** Its `PropertyDefinition`, or the parameter of the constructor that makes it. */
  readonly declaration: Node | undefined;
  /** What the class assigns to it. */
  readonly assigned: readonly Node[];
}

/** The field of its class that `this.name` or `this.#name` means. */
export function fieldOf(node: Node, source: SourceCode): FieldUse | undefined {
  const name = nameOfField(node);
  const owner = name === undefined ? undefined : classAround(node);
  if (name === undefined || owner === undefined) return undefined;
  let declaration: Node | undefined;
  const assigned: Node[] = [];
  for (const member of owner.body.body) {
    if (member.type === "PropertyDefinition" && !member.static && keyName(member.key, member.computed) === name) {
      declaration = member;
    } else if (member.type === "MethodDefinition" && "params" in member.value) {
      for (const parameter of member.value.params) {
        if (parameter.type !== "TSParameterProperty") continue;
        const { parameter: inner } = parameter;
        const identifier = inner.type === "AssignmentPattern" ? inner.left : inner;
        if (identifier.type === "Identifier" && identifier.name === name) declaration = identifier;
      }
    }
  }
  for (const use of usesOfField(owner, name, source)) {
    const { parent } = use;
    if (parent.type === "AssignmentExpression" && parent.left === use) assigned.push(parent.right);
  }
  return declaration === undefined && assigned.length === 0 ? undefined : { class: owner, name, declaration, assigned };
}

/** Every `this.name` of the class. */
export function usesOfField(owner: Class, name: string, source: SourceCode): readonly Node[] {
  const uses: Node[] = [];
  walk(owner.body, source, (node) => {
    if (nameOfField(node) === name && classAround(node) === owner) uses.push(node);
  });
  return uses;
}

function nameOfField(node: Node): string | undefined {
  if (node.type !== "MemberExpression" || unwrap(node.object).type !== "ThisExpression") return undefined;
  return keyName(node.property, node.computed);
}

/** The class whose instance `this` is; `undefined` in a plain function, and where `this` is the class. */
function classAround(node: Node): Class | undefined {
  for (let outer = node; outer.type !== "Program"; outer = outer.parent) {
    const { parent } = outer;
    if (parent.type === "ClassBody") {
      if ("static" in outer && outer.static) return undefined;
      const owner = parent.parent;
      return owner.type === "ClassDeclaration" || owner.type === "ClassExpression" ? owner : undefined;
    }
    if (outer.type === "FunctionDeclaration") return undefined;
    if (outer.type === "FunctionExpression" && parent.type !== "MethodDefinition") return undefined;
  }
  return undefined;
}
