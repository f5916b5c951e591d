import { performance } from "node:perf_hooks";

import { peakResident } from "./resident.mjs";

// What happens inside the child process of one contender. CPU time is the time of the whole process, its compiler and
// collector threads included: on a shared machine it says more than the clock on the wall does.

function stopwatch() {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    return { cpu: (used.user + used.system) / 1000, wall: performance.now() - wall };
  };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The collector is left alone between repetitions: forced there it would also throw away the shapes of objects that are
// not alive just then, and the compiled code with them.

const warmUp = 150;
const shortest = 20;

/** Warms `run` up, and gives the function that measures it once: `{ cpu, wall }` in ns per operation. */
export async function operationTimer(run, operations) {
  let runs = 0;
  const start = performance.now();
  do {
    await run(operations);
    runs++;
  } while (performance.now() - start < warmUp);
  // As many runs a repetition as take long enough for the clock of the CPU time.
  const repeats = Math.ceil((shortest * runs) / (performance.now() - start));
  return async () => {
    const stop = stopwatch();
    for (let index = 0; index < repeats; index++) {
      const running = run(operations);
      if (running !== undefined) await running;
    }
    const { cpu, wall } = stop();
    const scale = 1e6 / operations / repeats;
    return { cpu: cpu * scale, wall: wall * scale, spent: wall };
  };
}

/** The same for `run(size, lap)`, which calls `lap(name)` when a phase has ended: in ms, with each phase. */
export async function phaseTimer(run, size) {
  // As many for every size, so that no size is measured with code that another one found compiled.
  for (let round = 0; round < 30; round++) await run(1000, () => {});
  return async () => {
    const phases = {};
    let cpu = 0;
    let wall = 0;
    let stop = stopwatch();
    await run(size, (name) => {
      const spent = stop();
      phases[name] = spent.cpu;
      cpu += spent.cpu;
      wall += spent.wall;
      stop = stopwatch();
    });
    return { cpu, wall, phases, spent: wall };
  };
}

const heapUsed = () => process.memoryUsage().heapUsed;

/** Bytes allocated per operation: growth of the heap in a process whose young generation is too big to be collected. */
export async function allocatedPerOperation(run, operations) {
  for (let round = 0; round < 5; round++) await run(operations);
  const growths = [];
  for (let round = 0; round < 5; round++) {
    globalThis.gc();
    const before = heapUsed();
    const overhead = heapUsed() - before;
    const start = heapUsed();
    const running = run(operations);
    if (running !== undefined) await running;
    growths.push((heapUsed() - start - overhead) / operations);
  }
  return { bytes: Math.max(0, median(growths)) };
}

/** Bytes that each of `size` waiters keeps alive once the phase "submit" has ended. */
export async function retainedPerItem(run, size) {
  await run(1000, () => {});
  globalThis.gc();
  const before = heapUsed();
  let retained = 0;
  await run(size, (name) => {
    if (name !== "submit") return;
    globalThis.gc();
    retained = heapUsed() - before;
  });
  return { bytes: retained / size };
}

const looks = 20;

/**
 * Highest live heap in MB above the start: `sample()`, called by each task, collects the garbage and looks, twenty times
 * in the run. And by how much the resident size grew, which the garbage is part of.
 */
export async function peakMemory(prepare, size) {
  let calls = 0;
  let peak = 0;
  const interval = Math.floor(size / looks);
  const run = await prepare(() => {
    calls++;
    if (calls % interval !== 0) return;
    globalThis.gc();
    peak = Math.max(peak, heapUsed());
  });
  await run(1000);
  globalThis.gc();
  const heap = heapUsed();
  const resident = process.memoryUsage().rss;
  calls = 0;
  peak = heap;
  await run(size);
  return { heap: (peak - heap) / 1e6, resident: peakResident() - resident / 1e6, spent: Number.MAX_VALUE };
}
