/** What can stand in a {@link RecordList}. @internal */
export interface Linked<Node> {
  before: Node | null;
  after: Node | null;
}

/**
 * The list of the primitives once more, for what is known of them: with the shapes of both in one, the engine would have to
 * look up every link, also in a program that is watched by nobody any more. `npm run bench -- --only diagnostics` shows it.
 *
 * @internal
 */
export class RecordList<Node extends Linked<Node>> {
  head: Node | null = null;
  tail: Node | null = null;
  size = 0;

  push(node: Node): void {
    const last = this.tail;
    node.before = last;
    this.tail = node;
    if (last === null) this.head = node;
    else last.after = node;
    this.size++;
  }

  has(node: Node): boolean {
    return node.before !== null || this.head === node;
  }

  remove(node: Node): void {
    const { before, after } = node;
    if (before === null) this.head = after;
    else before.after = after;
    if (after === null) this.tail = before;
    else after.before = before;
    node.before = node.after = null;
    this.size--;
  }
}
