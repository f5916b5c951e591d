// The peers in the one shape that all of them can take: a limiter `run(task)` with at most `permits` tasks at once.

export const limiters = {
  "p-limit": async (permits) => {
    const { default: pLimit } = await import("p-limit");
    return pLimit(permits);
  },
  "p-queue": async (permits) => {
    const { default: PQueue } = await import("p-queue");
    const queue = new PQueue({ concurrency: permits });
    return (task) => queue.add(task);
  },
  "fastq.promise": async (permits) => {
    const { default: fastq } = await import("fastq");
    const queue = fastq.promise((task) => task(), permits);
    return (task) => queue.push(task);
  },
  "cockatiel bulkhead": async (permits) => {
    const { bulkhead } = await import("cockatiel");
    const policy = bulkhead(permits, Number.POSITIVE_INFINITY);
    return (task) => policy.execute(task);
  },
  "async-mutex Semaphore.runExclusive": async (permits) => {
    const { Semaphore } = await import("async-mutex");
    const semaphore = new Semaphore(permits);
    return (task) => semaphore.runExclusive(task);
  },
  "Effect Semaphore, runPromise each": async (permits) => {
    const { Effect, Semaphore } = await effect();
    const semaphore = Semaphore.makeUnsafe(permits);
    return (task) => Effect.runPromise(semaphore.withPermit(Effect.promise(task)));
  },
};

/** The peers that have a bare acquire and release: `{ acquire(): Promise, release(granted) }`. */
export const semaphores = {
  "async-sema": async (permits) => {
    const { Sema } = await import("async-sema");
    const semaphore = new Sema(permits);
    return { acquire: () => semaphore.acquire(), release: () => semaphore.release() };
  },
  "async-mutex Semaphore": async (permits) => {
    const { Semaphore } = await import("async-mutex");
    const semaphore = new Semaphore(permits);
    return { acquire: () => semaphore.acquire(), release: ([, release]) => release() };
  },
};

/** The two modules of Effect that are needed, without its index of everything. */
export async function effect() {
  const [Effect, Fiber, Semaphore] = await Promise.all([
    import("effect/Effect"),
    import("effect/Fiber"),
    import("effect/Semaphore"),
  ]);
  return { Effect, Fiber, Semaphore };
}

export async function bottleneck(permits) {
  const { default: Bottleneck } = await import("bottleneck");
  const limiter = new Bottleneck({ maxConcurrent: permits });
  return (task) => limiter.schedule(task);
}
