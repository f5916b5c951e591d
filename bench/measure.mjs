import { performance } from "node:perf_hooks";

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

/** Repeats `once` (which gives `{ cpu, wall, … }` in ms) until the budget is spent, with the heap swept in between. */
async function repeat(once, budget) {
  const samples = [];
  const end = performance.now() + budget;
  do {
    globalThis.gc();
    samples.push(await once());
  } while (samples.length < 3 ? performance.now() < end + budget : performance.now() < end && samples.length < 40);
  return samples;
}

/** Nanoseconds per operation of `run(operations)`. */
export async function timePerOperation(run, operations, budget) {
  const warm = performance.now() + budget / 3;
  do await run(operations);
  while (performance.now() < warm);
  const samples = await repeat(async () => {
    const stop = stopwatch();
    const running = run(operations);
    if (running !== undefined) await running;
    return stop();
  }, budget);
  const scale = 1e6 / operations;
  return {
    cpu: median(samples.map((sample) => sample.cpu)) * scale,
    wall: Math.min(...samples.map((sample) => sample.wall)) * scale,
    medianWall: median(samples.map((sample) => sample.wall)) * scale,
  };
}

/** Milliseconds of each phase of `run(size, lap)`, which calls `lap(name)` when a phase has ended. */
export async function timePhases(run, size, budget) {
  for (let round = 0; round < 3; round++) await run(1000, () => {});
  const samples = await repeat(async () => {
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
    return { cpu, wall, phases };
  }, budget);
  const typical = samples.toSorted((a, b) => a.cpu - b.cpu)[samples.length >> 1];
  return { cpu: typical.cpu, phases: typical.phases, wall: Math.min(...samples.map((sample) => sample.wall)) };
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

/** Highest heap and resident size, in MB above the start, seen by `sample()` during `run`. */
export async function peakMemory(prepare, size) {
  let peak = 0;
  const run = await prepare(() => {
    peak = Math.max(peak, heapUsed());
  });
  await run(1000);
  globalThis.gc();
  const heap = heapUsed();
  const resident = process.memoryUsage().rss;
  peak = heap;
  await run(size);
  return { heap: (peak - heap) / 1e6, resident: process.resourceUsage().maxRSS / 1e3 - resident / 1e6 };
}
