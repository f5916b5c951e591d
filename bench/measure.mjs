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

/** What a contender may take for its least number of repetitions, in ms: the quadratic ones are cut short by it. */
const patience = 8000;

/**
 * Repeats `once` (which gives `{ cpu, wall, … }` in ms) until the budget is spent. The collector is left alone: forced
 * between two repetitions it would also throw away the shapes of objects that are not alive just then, and the compiled
 * code with them.
 */
async function repeat(once, budget, atLeast = 3, atMost = 40) {
  const samples = [];
  const start = performance.now();
  const spent = () => performance.now() - start;
  do samples.push(await once());
  while (samples.length < atLeast ? spent() < patience : spent() < budget && samples.length < atMost);
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
  // As many for every size, so that no size is measured with code that another one found compiled.
  for (let round = 0; round < 30; round++) await run(1000, () => {});
  const repetitions = 7;
  const samples = await repeat(
    async () => {
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
    },
    budget,
    repetitions,
    repetitions,
  );
  const typical = samples.toSorted((a, b) => a.cpu - b.cpu)[samples.length >> 1];
  const wall = Math.min(...samples.map((sample) => sample.wall));
  return { cpu: typical.cpu, phases: typical.phases, first: samples[0].cpu, wall };
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
  return { heap: (peak - heap) / 1e6, resident: process.resourceUsage().maxRSS / 1e3 - resident / 1e6 };
}
