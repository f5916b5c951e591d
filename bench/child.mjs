import { allocatedPerOperation, peakMemory, retainedPerItem, timePerOperation, timePhases } from "./measure.mjs";
import { NotAvailable } from "./ours.mjs";

// One contender in a process of its own: no other's types in the inline caches, no other's garbage in the heap.
// node child.mjs '{"row":…,"contender":…,"mode":…,"size":…,"budget":…}'  → one line of JSON

const { row: rowName, contender: id, mode, size, budget } = JSON.parse(process.argv[2]);
const { row } = await import(`./rows/${rowName}.mjs`);
const contender = row.contenders.find((candidate) => candidate.id === id);

async function measure() {
  const operations = contender.operations ?? size ?? row.operations;
  if (row.kind === "memory") return peakMemory((sample) => contender.setup(sample), size);
  const run = await contender.setup(size);
  if (row.kind === "phases") {
    return mode === "memory" ? retainedPerItem(run, size) : timePhases(run, size, budget);
  }
  if (mode === "memory") return allocatedPerOperation(run, Math.min(operations, row.allocationOperations ?? 10_000));
  return timePerOperation(run, operations, budget);
}

let answer;
try {
  answer = await measure();
} catch (error) {
  if (!(error instanceof NotAvailable)) throw error;
  answer = { missing: error.message };
}
// Some peers keep timers: the process must not wait for them.
// oxlint-disable-next-line unicorn/no-process-exit
process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
