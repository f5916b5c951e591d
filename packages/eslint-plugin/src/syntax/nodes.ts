/**
 * The syntax that the rules look at: ESTree, and what TypeScript adds to it. Written out here so that the plugin needs no
 * types but its own. Parsers make more kinds of nodes than these; code that meets one it does not know does nothing.
 */
interface Base<Type extends string> {
  readonly type: Type;
  readonly range: readonly [start: number, end: number];
  /** Of `Program` it is null: climb no further than that. */
  readonly parent: Node;
}

export interface Identifier extends Base<"Identifier"> {
  readonly name: string;
  readonly typeAnnotation?: TypeAnnotation | null;
}

export interface Literal extends Base<"Literal"> {
  readonly value: unknown;
}

interface TemplateLiteral extends Base<"TemplateLiteral"> {
  readonly expressions: readonly Node[];
}

export interface ArrayExpression extends Base<"ArrayExpression"> {
  readonly elements: readonly (Node | null)[];
}

export interface ObjectExpression extends Base<"ObjectExpression"> {
  readonly properties: readonly Node[];
}

export interface Property extends Base<"Property"> {
  readonly key: Node;
  readonly value: Node;
  readonly computed: boolean;
}

export interface FunctionNode extends Base<"FunctionDeclaration" | "FunctionExpression" | "ArrowFunctionExpression"> {
  readonly params: readonly Node[];
  readonly body: Node;
  readonly async: boolean;
}

export interface CallExpression extends Base<"CallExpression"> {
  readonly callee: Node;
  readonly arguments: readonly Node[];
}

export interface NewExpression extends Base<"NewExpression"> {
  readonly callee: Node;
  readonly arguments: readonly Node[];
}

export interface MemberExpression extends Base<"MemberExpression"> {
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}

/** An expression within something that does not change what it is: `x!`, `x as T`, `x satisfies T`, `<T>x`, `a?.b`. */
interface Wrapper extends Base<
  "TSNonNullExpression" | "TSAsExpression" | "TSSatisfiesExpression" | "TSTypeAssertion" | "ChainExpression"
> {
  readonly expression: Node;
}

export interface AwaitExpression extends Base<"AwaitExpression"> {
  readonly argument: Node;
}

interface UnaryExpression extends Base<"UnaryExpression"> {
  readonly operator: string;
  readonly argument: Node;
}

interface BinaryExpression extends Base<"BinaryExpression" | "LogicalExpression"> {
  readonly operator: string;
  readonly left: Node;
  readonly right: Node;
}

export interface AssignmentExpression extends Base<"AssignmentExpression"> {
  readonly operator: string;
  readonly left: Node;
  readonly right: Node;
}

interface ConditionalExpression extends Base<"ConditionalExpression"> {
  readonly test: Node;
  readonly consequent: Node;
  readonly alternate: Node;
}

interface SequenceExpression extends Base<"SequenceExpression"> {
  readonly expressions: readonly Node[];
}

interface Argument extends Base<"SpreadElement" | "RestElement" | "YieldExpression"> {
  readonly argument: Node | null;
}

export interface Program extends Base<"Program"> {
  readonly body: readonly Node[];
  readonly sourceType: string;
}

export interface Block extends Base<"BlockStatement" | "StaticBlock"> {
  readonly body: readonly Node[];
}

interface ExpressionStatement extends Base<"ExpressionStatement"> {
  readonly expression: Node;
}

export interface VariableDeclaration extends Base<"VariableDeclaration"> {
  /** `using` and `await using` among them. */
  readonly kind: string;
  readonly declarations: readonly VariableDeclarator[];
}

export interface VariableDeclarator extends Base<"VariableDeclarator"> {
  readonly id: Node;
  readonly init: Node | null;
}

export interface ReturnStatement extends Base<"ReturnStatement"> {
  readonly argument: Node | null;
}

interface ThrowStatement extends Base<"ThrowStatement"> {
  readonly argument: Node;
}

export interface TryStatement extends Base<"TryStatement"> {
  readonly block: Block;
  readonly handler: CatchClause | null;
  readonly finalizer: Block | null;
}

export interface CatchClause extends Base<"CatchClause"> {
  readonly body: Block;
}

type Jump = Base<"BreakStatement" | "ContinueStatement">;

interface Branch extends Base<"IfStatement"> {
  readonly test: Node;
  readonly consequent: Node;
  readonly alternate: Node | null;
}

type Switch = Base<"SwitchStatement" | "SwitchCase">;

interface Loop extends Base<"ForStatement" | "ForInStatement" | "WhileStatement" | "DoWhileStatement"> {
  readonly body: Node;
}

export interface ForOfStatement extends Base<"ForOfStatement"> {
  readonly await: boolean;
  readonly left: Node;
  readonly right: Node;
  readonly body: Node;
}

export interface Class extends Base<"ClassDeclaration" | "ClassExpression"> {
  readonly body: ClassBody;
}

interface ClassBody extends Base<"ClassBody"> {
  readonly body: readonly Node[];
}

interface Method extends Base<"MethodDefinition"> {
  readonly value: Node;
  readonly key: Node;
}

export interface Field extends Base<"PropertyDefinition"> {
  readonly key: Node;
  readonly value: Node | null;
  readonly static: boolean;
  readonly computed: boolean;
  readonly typeAnnotation?: TypeAnnotation | null;
}

interface ImportDeclaration extends Base<"ImportDeclaration"> {
  readonly source: Literal;
}

export interface ImportSpecifier extends Base<
  "ImportSpecifier" | "ImportDefaultSpecifier" | "ImportNamespaceSpecifier"
> {
  readonly imported?: Identifier | Literal;
}

interface ImportExpression extends Base<"ImportExpression"> {
  readonly source: Node;
}

type Export = Base<"ExportNamedDeclaration" | "ExportDefaultDeclaration" | "ExportSpecifier">;

interface Pattern extends Base<"ObjectPattern"> {
  readonly properties: readonly Node[];
}

interface AssignmentPattern extends Base<"AssignmentPattern"> {
  readonly left: Node;
  readonly right: Node;
}

interface ParameterProperty extends Base<"TSParameterProperty"> {
  readonly parameter: Node;
}

export interface TypeAnnotation extends Base<"TSTypeAnnotation"> {
  readonly typeAnnotation: Node;
}

interface TypeReference extends Base<"TSTypeReference"> {
  readonly typeName: Node;
}

interface QualifiedName extends Base<"TSQualifiedName"> {
  readonly left: Node;
  readonly right: Identifier;
}

interface UnionType extends Base<"TSUnionType"> {
  readonly types: readonly Node[];
}

interface Leaf extends Base<
  | "ThisExpression"
  | "PrivateIdentifier"
  | "ArrayPattern"
  | "TaggedTemplateExpression"
  | "TSStringKeyword"
  | "TSUndefinedKeyword"
  | "TSNullKeyword"
> {
  readonly name?: string;
}

export type Node =
  | Identifier
  | Literal
  | TemplateLiteral
  | ArrayExpression
  | ObjectExpression
  | Property
  | FunctionNode
  | CallExpression
  | NewExpression
  | MemberExpression
  | Wrapper
  | AwaitExpression
  | UnaryExpression
  | BinaryExpression
  | AssignmentExpression
  | ConditionalExpression
  | SequenceExpression
  | Argument
  | Program
  | Block
  | ExpressionStatement
  | VariableDeclaration
  | VariableDeclarator
  | ReturnStatement
  | ThrowStatement
  | TryStatement
  | CatchClause
  | Jump
  | Branch
  | Switch
  | Loop
  | ForOfStatement
  | Class
  | ClassBody
  | Method
  | Field
  | ImportDeclaration
  | ImportSpecifier
  | ImportExpression
  | Export
  | Pattern
  | AssignmentPattern
  | ParameterProperty
  | TypeAnnotation
  | TypeReference
  | QualifiedName
  | UnionType
  | Leaf;
