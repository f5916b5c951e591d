import { allocatedPerOperation, operationTimer, peakMemory, phaseTimer, retainedPerItem } from "./measure.mjs";
import { NotAvailable } from "./ours.mjs";

// One contender in a process of its own: no other's types in the inline caches, no other's garbage in the heap. It warms
// up, says so, and measures once for each message.
// node child.mjs '{"row":…,"contender":…,"mode":…,"size":…}', with an IPC channel

const { row: rowName, contender: id, mode, size } = JSON.parse(process.argv[2]);
const { row } = await import(`./rows/${rowName}.mjs`);
const contender = row.contenders.find((candidate) => candidate.id === id);

/** Gives the function that measures once. */
async function prepare() {
  if (row.kind === "memory") return () => peakMemory((sample) => contender.setup(sample), size);
  const operations = contender.operations ?? size ?? row.operations;
  const run = await contender.setup(size);
  if (row.kind === "phases") return mode === "memory" ? () => retainedPerItem(run, size) : phaseTimer(run, size);
  if (mode === "time") return operationTimer(run, operations);
  return () => allocatedPerOperation(run, Math.min(operations, row.allocationOperations ?? 10_000));
}

// Some peers keep timers: the process must not wait for them.
// oxlint-disable-next-line unicorn/no-process-exit
process.on("disconnect", () => process.exit(0));
try {
  const next = await prepare();
  process.on("message", () => void next().then((measured) => process.send(measured)));
  process.send({ ready: true });
} catch (error) {
  if (!(error instanceof NotAvailable)) throw error;
  process.on("message", () => {});
  process.send({ missing: error.message });
}
