// The list under all that waits in order: against an array, which is slow and obviously right.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { QueueNode } from "../../src/concurrency/queue.ts";
import { Queue } from "../../src/concurrency/queue.ts";

class Node implements QueueNode<Node> {
  before: Node | null = null;
  after: Node | null = null;
}

function forwards(queue: Queue<Node>): Node[] {
  const nodes: Node[] = [];
  for (let node = queue.head; node !== null; node = node.after) nodes.push(node);
  return nodes;
}

function backwards(queue: Queue<Node>): Node[] {
  const nodes: Node[] = [];
  for (let node = queue.tail; node !== null; node = node.before) nodes.unshift(node);
  return nodes;
}

const step = fc.record({
  kind: fc.constantFrom("push", "push", "push", "shift", "remove"),
  index: fc.nat({ max: 20 }),
});

function agreement(make: () => Queue<Node>) {
  return fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
    const queue = make();
    const model: Node[] = [];
    const gone: Node[] = [];
    for (const { kind, index } of steps) {
      const place = index % Math.max(1, model.length);
      const chosen = model[place];
      const node = new Node();
      switch (kind) {
        case "push":
          queue.push(node);
          model.push(node);
          break;
        case "shift": {
          const first = model.shift();
          expect(queue.shift()).toBe(first ?? null);
          if (first !== undefined) gone.push(first);
          break;
        }
        default:
          if (chosen === undefined) break;
          queue.remove(chosen);
          gone.push(...model.splice(place, 1));
      }
      expect(queue.size).toBe(model.length);
      expect(forwards(queue).every((each, position) => each === model[position])).toBe(true);
      expect(backwards(queue)).toHaveLength(model.length);
      expect(backwards(queue).every((each, position) => each === model[position])).toBe(true);
      expect([queue.head, queue.tail]).toEqual([model[0] ?? null, model.at(-1) ?? null]);
      for (const each of model) expect(queue.has(each)).toBe(true);
      // What has left holds on to nothing, and can come again.
      for (const each of gone) expect([each.before, each.after, queue.has(each)]).toEqual([null, null, false]);
    }
  });
}

/** Leaves the links of a removed node in place. */
class Clinging extends Queue<Node> {
  override remove(node: Node): void {
    const { before, after } = node;
    super.remove(node);
    Object.assign(node, { before, after });
  }
}

describe("a queue", () => {
  test("does what an array does, whatever is done to it", () => {
    fc.assert(
      agreement(() => new Queue<Node>()),
      { numRuns: 60 },
    );
  });

  test("that keeps old links is found out", () => {
    expect(fc.check(agreement(() => new Clinging())).failed).toBe(true);
  });

  test("takes a node again that has left", () => {
    const queue = new Queue<Node>();
    const node = new Node();
    for (let round = 0; round < 3; round++) {
      queue.push(node);
      expect(queue.shift()).toBe(node);
    }
    expect([queue.size, queue.head, queue.tail, queue.shift()]).toEqual([0, null, null, null]);
  });
});
