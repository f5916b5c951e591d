/** A function of the library that runs a task. */
export interface TaskShape {
  /** Which argument is the task. */
  readonly task: number;
  /** Which parameter of the task is its context. */
  readonly context?: number;
  /** Which parameter of the task is a permit. */
  readonly permit?: number;
  /** The context ends by itself, when a sibling fails or time is up, not only with the caller's signal. */
  readonly cancels?: true;
  /** What the task throws decides something: whether siblings stop, whether it is tried again. */
  readonly judges?: true;
}

const first: TaskShape = { task: 0, context: 0, cancels: true, judges: true };
const each: TaskShape = { task: 1, context: 1, cancels: true, judges: true };
const guarded: TaskShape = { task: 0, context: 0, judges: true };

/** By the name of the function, or class and method. */
export const taskShapes: ReadonlyMap<string, TaskShape> = new Map<string, TaskShape>([
  ["batch", each],
  ["forEachConcurrent", each],
  ["hedge", first],
  ["mapConcurrent", each],
  ["retry", guarded],
  ["timeout", { task: 0, context: 0, cancels: true }],
  ["CircuitBreaker.run", guarded],
  ["EtcdSemaphore.run", { task: 0, context: 0, permit: 1, cancels: true }],
  ["Fallback.run", guarded],
  ["FileHandles.run", { task: 0, context: 0 }],
  ["Group.go", first],
  ["Group.tryGo", first],
  ["KeyedQuota.run", { task: 1 }],
  ["Limiter.run", guarded],
  ["Pipeline.run", guarded],
  ["Pool.run", { task: 0, context: 1 }],
  ["Quota.run", { task: 0, context: 0 }],
  ["RedisQuota.run", { task: 0, context: 0 }],
  ["RedisSemaphore.run", { task: 0, context: 0, permit: 1, cancels: true }],
  ["ReentrantSemaphore.run", { task: 0 }],
  ["Semaphore.run", { task: 0 }],
  ["WaitGroup.go", { task: 0, judges: true }],
]);
