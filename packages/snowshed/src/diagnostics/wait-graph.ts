import { components } from "./components.ts";
import type { ResourceKind } from "../hooks.ts";

/** What the search needs to know of a task. @internal */
export interface GraphTask {
  readonly id: number;
  readonly leaked: boolean;
  /** The group it belongs to. */
  readonly scope: GraphResource | null;
}

/** What the search needs to know of a resource. @internal */
export interface GraphResource {
  readonly id: number;
  readonly kind: ResourceKind;
  readonly capacity: number;
  readonly holdings: { readonly head: GraphHolding | null };
}

/** What a task holds of a resource; the rest of it by `after`. @internal */
export interface GraphHolding {
  readonly task: GraphTask | null;
  readonly weight: number;
  readonly after: GraphHolding | null;
}

/** Somebody waits. @internal */
export interface GraphWait {
  readonly resource: GraphResource;
  readonly weight: number;
  /** `null`: nobody knows who. */
  readonly task: GraphTask | null;
  readonly since: number;
  /** It ends by itself. */
  readonly hasTimeoutOrSignal: boolean;
}

/** Tasks of which none can go on before another of them does. @internal */
export interface Knot<Task extends GraphTask = GraphTask, Resource extends GraphResource = GraphResource> {
  readonly tasks: readonly Task[];
  readonly resources: readonly Resource[];
  /** How many more tasks cannot go on because of these. */
  readonly behind: number;
}

/**
 * Only these: what they are short of is held by somebody, and comes back by a release. A channel waits for whoever sends,
 * a quota for time, and the limit of a limiter moves.
 */
const lends: ReadonlySet<ResourceKind> = new Set(["semaphore", "file-handles", "pool"]);
/** These are waited for until their tasks have ended. */
const hasTasks: ReadonlySet<ResourceKind> = new Set(["group", "wait-group"]);

/** The waits for one resource that will not end by themselves. */
class Line {
  readonly resource: GraphResource;
  /** In the order they are served. */
  readonly waits: GraphWait[];
  /** The first that is not served. */
  next = 0;
  /** What is free when all have released who can; of a group, below 0 by the tasks that cannot end. */
  free: number;
  queued = false;
  /** Its number in the graph, once it has one. */
  node = -1;

  constructor(resource: GraphResource, first: GraphWait) {
    this.resource = resource;
    // Of a list that begins empty the engine makes a large one.
    this.waits = [first];
    this.free = hasTasks.has(resource.kind) ? 0 : resource.capacity;
  }

  /** What a wait needs to be free. */
  need(wait: GraphWait): number {
    return hasTasks.has(this.resource.kind) ? 0 : wait.weight;
  }
}

/**
 * Those of the waiting tasks that cannot go on, whatever the others do: reduction of the graph of who waits for what is
 * held by whom. It assumes the best of everybody else: who does not wait releases all it holds, takes nothing and ends; a
 * wait with a timeout or signal, or one that began after `before`, ends; of several waits of one task a single one is
 * enough. So what is left can go on only if somebody releases what a task holds in its place.
 *
 * `waits` come in the order they began; `leaked` are the tasks that will never take another step.
 *
 * @internal
 */
export function findKnots<Task extends GraphTask, Resource extends GraphResource>(
  waits: Iterable<GraphWait & { readonly task: Task | null; readonly resource: Resource }>,
  leaked: Iterable<Task>,
  waitsOf: (task: Task) => number,
  before: number,
): Knot<Task, Resource>[] {
  const lines = new Map<GraphResource, Line>();
  /** Of tasks with several waits, how many of them do not end by themselves. */
  const hardWaits = new Map<Task, number>();
  const stuck = new Set<GraphTask>();
  for (const wait of waits) {
    const { resource, task } = wait;
    if (wait.hasTimeoutOrSignal || wait.since > before) continue;
    // More than there is: only a resize() can help, and that may come from anywhere.
    if (lends.has(resource.kind) ? wait.weight > resource.capacity : !hasTasks.has(resource.kind)) continue;
    const line = lines.get(resource);
    if (line === undefined) lines.set(resource, new Line(resource, wait));
    else line.waits.push(wait);
    if (task === null) continue;
    if (waitsOf(task) === 1) stuck.add(task);
    else hardWaits.set(task, (hardWaits.get(task) ?? 0) + 1);
  }
  for (const [task, count] of hardWaits) if (count >= waitsOf(task)) stuck.add(task);
  for (const task of leaked) stuck.add(task);
  // As a rule those who hold are at work, and that is all there is to know.
  if (stuck.size === 0 || !isContested(lines, stuck)) return [];
  const needed = holdings(lines, stuck);
  reduce(lines, stuck, needed);
  // All in it came in by the arguments.
  return knotsOf(lines, stuck, needed) as Knot<Task, Resource>[];
}

/** Whether somebody who may be stuck holds what others wait for, or belongs to a group that is waited for. */
function isContested(lines: ReadonlyMap<GraphResource, Line>, stuck: ReadonlySet<GraphTask>): boolean {
  for (const { resource } of lines.values()) {
    if (hasTasks.has(resource.kind)) return true;
    for (let each = resource.holdings.head; each !== null; each = each.after) {
      if (each.task !== null && stuck.has(each.task)) return true;
    }
  }
  return false;
}

/** What keeps a line from moving: a task that holds so much of it, or has yet to end. */
type Held = readonly (readonly [line: Line, weight: number])[];
type Holdings = ReadonlyMap<GraphTask, Held>;

/** What those who may be stuck keep from others; taken from what is free. */
function holdings(lines: ReadonlyMap<GraphResource, Line>, stuck: ReadonlySet<GraphTask>): Holdings {
  const found = new Map<GraphTask, [Line, number][]>();
  const hold = (task: GraphTask, line: Line, weight: number): void => {
    line.free -= weight;
    const held = found.get(task);
    if (held === undefined) found.set(task, [[line, weight]]);
    else held.push([line, weight]);
  };
  for (const line of lines.values()) {
    if (hasTasks.has(line.resource.kind)) continue;
    for (let each = line.resource.holdings.head; each !== null; each = each.after) {
      if (each.task !== null && stuck.has(each.task)) hold(each.task, line, each.weight);
    }
  }
  for (const task of stuck) {
    const line = task.scope === null ? undefined : lines.get(task.scope);
    if (line !== undefined && hasTasks.has(line.resource.kind)) hold(task, line, 1);
  }
  return found;
}

/** Takes those who can go on out of `stuck`. */
function reduce(lines: ReadonlyMap<GraphResource, Line>, stuck: Set<GraphTask>, needed: Holdings): void {
  const work: Line[] = [...lines.values()];
  for (const line of work) {
    // Semaphores serve strictly in order: who does not fit stops all behind it. The others may let somebody pass.
    if (line.resource.kind !== "semaphore" && line.waits.length > 1)
      line.waits.sort((a, b) => line.need(a) - line.need(b));
    line.queued = true;
  }
  for (let line = work.pop(); line !== undefined; line = work.pop()) {
    line.queued = false;
    for (; line.next < line.waits.length; line.next++) {
      const wait: GraphWait = line.waits[line.next]!;
      if (line.need(wait) > line.free) break;
      if (wait.task === null || wait.task.leaked || !stuck.delete(wait.task)) continue;
      const held: Held = needed.get(wait.task) ?? [];
      for (const [other, weight] of held) {
        other.free += weight;
        if (other === line || other.queued) continue;
        other.queued = true;
        work.push(other);
      }
    }
  }
}

type GraphNode = GraphTask | Line | GraphWait;

const nowhere: readonly number[] = [];

/** The cycles among those that are left, and the chains that end in a leaked task. */
function knotsOf(lines: ReadonlyMap<GraphResource, Line>, stuck: ReadonlySet<GraphTask>, needed: Holdings): Knot[] {
  const nodes: GraphNode[] = [];
  const edges: (readonly number[])[] = [];
  const add = (node: GraphNode): number => {
    edges.push(nowhere);
    return nodes.push(node) - 1;
  };
  const link = (from: number, to: number): void => {
    const list = edges[from]!;
    if (list === nowhere) edges[from] = [to];
    else (list as number[]).push(to);
  };
  const taskNodes = new Map<GraphTask, number>();
  for (const task of stuck) taskNodes.set(task, add(task));
  for (const line of lines.values()) {
    const first = line.waits[line.next];
    if (first === undefined) continue;
    line.node = add(line);
    let head = -1;
    for (let index = line.next; index < line.waits.length; index++) {
      const wait = line.waits[index]!;
      // A wait stands for its task, if that is stuck.
      const node = (wait.task === null ? undefined : taskNodes.get(wait.task)) ?? add(wait);
      if (wait === first) head = node;
      // Who would fit waits for the one in front, and not for those who hold.
      link(node, line.need(wait) > line.free ? line.node : head);
    }
  }
  for (const [task, node] of taskNodes) {
    for (const [line] of needed.get(task) ?? []) if (line.node >= 0) link(line.node, node);
  }
  const knots: Tying[] = [];
  const knotOf: Tying[] = [];
  for (const component of components(edges)) {
    const [only] = component as [number];
    const { length } = edges[only]!;
    let knot: Tying | undefined;
    if (component.length > 1) knot = new Tying(component.map((node) => nodes[node]!));
    else if (length > 0) {
      for (let index = 0; index < length; index++) knot ??= knotOf[edges[only]![index]!];
      knot?.addBehind(nodes[only]!);
    } else if (needed.has(nodes[only] as GraphTask)) knot = new Tying([nodes[only]!]);
    if (knot === undefined) continue;
    if (component.length > 1 || length === 0) knots.push(knot);
    for (const node of component) knotOf[node] = knot;
  }
  // A leaked task that nobody waits for is a leak, not a deadlock.
  return knots.filter(({ tasks, resources }) => tasks.length > 0 && resources.length > 0);
}

/** A knot as it is found: its core, then those that lead to it. */
class Tying implements Knot {
  readonly tasks: GraphTask[] = [];
  readonly resources: GraphResource[] = [];
  behind = 0;
  /** A leaked task, and as yet nobody who waits for what it holds. */
  #open: boolean;

  constructor(component: readonly GraphNode[]) {
    for (const node of component) {
      if (node instanceof Line) this.resources.push(node.resource);
      else if ("leaked" in node) this.tasks.push(node);
    }
    this.#open = component.length === 1;
  }

  addBehind(node: GraphNode): void {
    if (node instanceof Line) {
      if (this.resources.length === 0) this.resources.push(node.resource);
    } else if ("leaked" in node) {
      if (this.#open) this.tasks.push(node);
      else this.behind++;
      this.#open = false;
    }
  }
}
