// Random programs of three owners, each run on the semaphore and on a model of it that is slow and obviously right; and
// random trees of nested and parallel run() calls in every interleaving.
import fc from "fast-check";
import { Context, ReentrantSemaphore } from "snowshed";
import { describe, expect, test } from "vitest";
import { drained, observe } from "../support/promises.ts";

interface Wait {
  readonly id: number;
  readonly owner: string;
  readonly weight: number;
}

class Model {
  permits: number;
  /** What was taken, by owner: each entry one grant. */
  readonly taken: Wait[] = [];
  /** Units of each owner. */
  readonly units: Record<string, number> = { a: 0, b: 0, c: 0 };
  queue: Wait[] = [];
  readonly fates: string[] = [];

  constructor(permits: number) {
    this.permits = permits;
  }

  taking(owner?: string): number {
    const some = this.taken.filter((wait) => owner === undefined || wait.owner === owner);
    return some.reduce((sum, { weight }) => sum + weight, 0);
  }

  get available(): number {
    return Math.max(0, this.permits - this.taking());
  }

  try(owner: string, weight: number): boolean {
    if (this.units[owner]! > 0) {
      if (weight > this.taking(owner)) return false;
    } else {
      if (this.queue.length > 0 || this.taking() + weight > this.permits) return false;
      this.taken.push({ id: -1, owner, weight });
    }
    this.units[owner]! += weight;
    return true;
  }

  acquire(owner: string, weight: number): void {
    const id = this.fates.length;
    if (this.try(owner, weight)) this.fates.push("fulfilled");
    else if (this.units[owner]! > 0 || weight > this.permits) this.fates.push("rejected");
    else {
      this.fates.push("pending");
      this.queue.push({ id, owner, weight });
    }
  }

  release(owner: string, weight: number): boolean {
    if (weight > this.units[owner]!) return false;
    this.units[owner]! -= weight;
    if (this.units[owner] === 0) {
      for (const grant of this.taken.filter((wait) => wait.owner === owner)) {
        this.taken.splice(this.taken.indexOf(grant), 1);
      }
    }
    this.serve();
    return true;
  }

  drop(which: (wait: Wait) => boolean): void {
    for (const { id } of this.queue.filter(which)) this.fates[id] = "rejected";
    this.queue = this.queue.filter((wait) => !which(wait));
    this.serve();
  }

  serve(): void {
    for (let head = this.queue[0]; head !== undefined; head = this.queue[0]) {
      if (this.taking() + head.weight > this.permits) return;
      this.queue.shift();
      this.taken.push(head);
      this.units[head.owner]! += head.weight;
      this.fates[head.id] = "fulfilled";
    }
  }
}

const weight = fc.integer({ min: 0, max: 3 });
const owner = fc.constantFrom("a", "b", "c");
const step = fc.record({
  kind: fc.constantFrom("acquire", "acquire", "try", "release", "release", "cancel", "resize"),
  owner,
  weight,
});

function agreement(make: (permits: number) => ReentrantSemaphore) {
  return fc.asyncProperty(weight, fc.array(step, { maxLength: 25, size: "max" }), async (permits, steps) => {
    const model = new Model(permits);
    const real = make(permits);
    const seen: ReturnType<typeof observe>[] = [];
    const contexts = {
      a: Context.background.withCancel(),
      b: Context.background.withCancel(),
      c: Context.background.withCancel(),
    };
    for (const { kind, owner, weight } of steps) {
      switch (kind) {
        case "acquire":
          model.acquire(owner, weight);
          seen.push(observe(real.acquire(weight, { owner, signal: contexts[owner as "a"] })));
          break;
        case "try":
          expect(real.tryAcquire(weight, { owner })).toBe(model.try(owner, weight));
          break;
        case "release": {
          const legal = model.release(owner, weight);
          if (legal) real.release(weight, { owner });
          else expect(() => real.release(weight, { owner })).toThrow("units that this owner holds");
          break;
        }
        case "cancel":
          model.drop((wait) => wait.owner === owner);
          contexts[owner as "a"].cancel();
          contexts[owner as "a"] = Context.background.withCancel();
          break;
        default:
          model.permits = weight;
          model.drop((wait) => wait.weight > weight);
          real.resize(weight);
      }
      await drained();
      expect([real.permits, real.available, real.pending]).toEqual([
        model.permits,
        model.available,
        model.queue.length,
      ]);
      expect(seen.map(({ outcome }) => outcome.status)).toEqual(model.fates);
    }
  });
}

/** Knows nobody again. */
class Forgetful extends ReentrantSemaphore {
  override tryAcquire(weight: number = 1): boolean {
    return super.tryAcquire(weight, { owner: {} });
  }
}

/** Gives all permits back with the first release. */
class Hasty extends ReentrantSemaphore {
  override release(...[weight = 1, options]: Parameters<ReentrantSemaphore["release"]>): void {
    super.release(weight, options);
    for (let left = 10; weight > 0 && left > 0; left--) {
      try {
        super.release(left, options);
      } catch {
        // More than is left.
      }
    }
  }
}

describe("a reentrant semaphore", () => {
  test("does what its model does, step by step, for named owners", async () => {
    await fc.assert(
      agreement((permits) => new ReentrantSemaphore(permits)),
      { numRuns: 200 },
    );
  });

  test.each([
    ["does not know its holder again", Forgetful],
    ["gives back too early", Hasty],
  ])("that %s is found out", async (_defect, Defective) => {
    const property = agreement((permits) => new Defective(permits));
    expect((await fc.check(property, { numRuns: 1000, endOnFailure: true })).failed).toBe(true);
  });
});

interface Tree {
  readonly children: readonly Tree[];
}

const { tree } = fc.letrec<{ tree: Tree; leaf: Tree; branch: Tree }>((tie) => ({
  tree: fc.oneof({ maxDepth: 2 }, tie("leaf"), tie("branch")),
  leaf: fc.constant(null).map(() => ({ children: [] })),
  branch: fc.record({ children: fc.array(tie("tree"), { minLength: 1, maxLength: 2 }) }),
}));

/** Asks for a new holder each time. */
class Amnesic extends ReentrantSemaphore {
  override run<T>(task: () => T | PromiseLike<T>): Promise<T> {
    return super.run(task, { owner: {} });
  }
}

/** Runs each tree as nested, parallel run() calls: at no time may bodies of more trees be alive than there are permits. */
function exclusion(make: (permits: number) => ReentrantSemaphore) {
  const roots = fc.array(tree, { minLength: 1, maxLength: 3 });
  return fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 3 }), roots, async (scheduler, permits, trees) => {
    const semaphore = make(permits);
    const alive = new Map<Tree, number>();
    const visit = (root: Tree, node: Tree): Promise<void> =>
      semaphore.run(async () => {
        alive.set(root, (alive.get(root) ?? 0) + 1);
        expect(alive.size).toBeLessThanOrEqual(permits);
        await scheduler.schedule(Promise.resolve(), "work");
        await Promise.all(node.children.map((child) => visit(root, child)));
        await scheduler.schedule(Promise.resolve(), "end");
        const left = alive.get(root)! - 1;
        if (left === 0) alive.delete(root);
        else alive.set(root, left);
      });
    const all = observe(Promise.all(trees.map((root) => visit(root, root))));
    await scheduler.waitIdle();
    expect([all.outcome.status, alive.size]).toEqual(["fulfilled", 0]);
    expect([semaphore.available, semaphore.pending]).toEqual([permits, 0]);
  });
}

describe("trees of run() calls", () => {
  test("end, whatever their order, and no more of them are alive than there are permits", async () => {
    await fc.assert(
      exclusion((permits) => new ReentrantSemaphore(permits)),
      { numRuns: 50 },
    );
  });

  test("that wait for themselves are found out", async () => {
    const property = exclusion((permits) => new Amnesic(permits));
    const { failed, errorInstance } = await fc.check(property, { numRuns: 500, endOnFailure: true });
    expect([failed, (errorInstance as Error).message.includes("pending")]).toEqual([true, true]);
  });
});
