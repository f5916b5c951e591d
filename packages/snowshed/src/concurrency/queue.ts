/** What can stand in a {@link Queue}. The links are part of the element: removal from the middle costs no search. */
export interface QueueNode<Node> {
  before: Node | null;
  after: Node | null;
}

/** A first-in, first-out list with O(1) removal anywhere. An element stands in one queue at most. */
export class Queue<Node extends QueueNode<Node>> {
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

  shift(): Node | null {
    const node = this.head;
    if (node !== null) this.remove(node);
    return node;
  }

  has(node: Node): boolean {
    return node.before !== null || this.head === node;
  }

  remove(node: Node): void {
    if (node.before === null) this.head = node.after;
    else node.before.after = node.after;
    if (node.after === null) this.tail = node.before;
    else node.after.before = node.before;
    // Links left in a removed node would let one old, dead node keep every later one alive.
    node.before = node.after = null;
    this.size--;
  }
}
