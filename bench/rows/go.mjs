import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { execute, pinned } from "../processes.mjs";
import { NotAvailable, ours } from "../ours.mjs";
import { snowshedAcquire } from "./contended.mjs";
import { snowshedCreateCancel } from "./context.mjs";
import { ready } from "./group.mjs";
import { row as tryAcquire } from "./try-acquire.mjs";

const module = fileURLToPath(new URL("../go/", import.meta.url));

let compiled;

/** The benchmarks of bench/go as one program, compiled once a run. */
function program() {
  compiled ??= (async () => {
    await execute(["go", "version"]).catch(() => {
      throw new NotAvailable("Go is not installed here");
    });
    const output = join(await mkdtemp(join(tmpdir(), "snowshed-bench-go-")), "bench.test");
    await execute(["go", "test", "-c", "-o", output, "."], { cwd: module, timeout: 600_000 });
    return output;
  })();
  return compiled;
}

/** "BenchmarkX-2   123   45.6 ns/op   0 B/op   0 allocs/op" → `{ wall, bytes }` */
function parse(output) {
  const lines = output.split("\n").filter((line) => line.startsWith("Benchmark"));
  return lines.map((line) => ({
    wall: Number(/([\d.]+) ns\/op/.exec(line)[1]),
    bytes: Number(/([\d.]+) B\/op/.exec(line)[1]),
  }));
}

const go = (id, benchmark, rounds) =>
  [1, "all"].map((cores) => ({
    rounds,
    id: `Go: ${id}, ${cores === 1 ? "1 core" : "all cores"}`,
    role: "peer",
    async sample() {
      const flags = ["-test.run=^$", `-test.bench=^Benchmark${benchmark}$`, "-test.benchmem", "-test.count=3"];
      const command = [await program(), ...flags, `-test.benchtime=300ms`];
      const { stdout } = await execute(cores === 1 ? pinned(...command, "-test.cpu=1") : command);
      const samples = parse(stdout).toSorted((a, b) => a.wall - b.wall);
      return { medianWall: samples[1].wall, wall: samples[0].wall, bytes: samples[1].bytes };
    },
  }));

/** Measured for the record, not compared with. */
const besides = 1;

const pairs = [
  ["TryAcquire + Release", "snowshed: tryAcquire + release", ["Weighted TryAcquire + Release"]],
  [
    "8×3, body yields: channel semaphore",
    "snowshed: 8 workers over 3 permits",
    ["channel semaphore, 8×3, body yields"],
  ],
  ["8×3, body yields: Weighted", "snowshed: 8 workers over 3 permits", ["Weighted, 8×3, body yields"]],
  ["limit 100, task yields: errgroup", "snowshed: Group, ready() + go()", ["errgroup SetLimit(100), task yields"]],
  ["create + cancel", "snowshed: Context create + cancel", ["context.WithCancel + cancel"]],
];

export const row = {
  name: "go",
  title: "the Go originals on the same machine",
  unit: "ns/op",
  metric: "medianWall",
  what: `Wall time per operation on one machine, in one run: one event loop against the Go scheduler. Not the same work: a
goroutine is preemptible and may run on any core, an async function is neither. A body that "yields" is
\`runtime.Gosched()\` there and \`await null\` here: the least that gives the others a turn. Go runs pinned to one core with
GOMAXPROCS=1 and, apart from that, unpinned on all cores; snowshed is compared with whichever of the two is faster.
The rows whose body is empty measure Go where nothing suspends; snowshed has no counterpart in them except TryAcquire.
errgroup's Go blocks at its limit, hence \`await group.ready()\` before \`go()\`. The reentrant semaphore of the article is
measured twice: with the goroutine's id read from runtime.Stack, the one portable way, and with an id that costs
nothing to know.`,
  contenders: [
    {
      id: "snowshed: tryAcquire + release",
      role: "ours",
      operations: 5_000_000,
      setup: tryAcquire.contenders[0].setup,
    },
    { id: "snowshed: 8 workers over 3 permits", role: "ours", operations: 1_000_000, setup: snowshedAcquire },
    { id: "snowshed: Group, ready() + go()", role: "ours", operations: 100_000, setup: () => ready.setup() },
    { id: "snowshed: Context create + cancel", role: "ours", operations: 1_000_000, setup: snowshedCreateCancel },
    {
      id: "snowshed: acquire + release, uncontended",
      role: "variant",
      operations: 1_000_000,
      async setup() {
        const { Semaphore } = await ours("Semaphore");
        const semaphore = new Semaphore(3);
        return async (operations) => {
          for (let index = 0; index < operations; index++) {
            await semaphore.acquire();
            semaphore.release();
          }
        };
      },
    },
    ...go("Weighted TryAcquire + Release", "WeightedTryAcquire"),
    ...go("channel semaphore, 8×3, body yields", "Channel8x3Yield"),
    ...go("Weighted, 8×3, body yields", "Weighted8x3Yield"),
    ...go("errgroup SetLimit(100), task yields", "ErrgroupLimit100Yield"),
    ...go("context.WithCancel + cancel", "ContextCreateCancel"),
    ...go("channel semaphore, uncontended", "ChannelUncontended", besides),
    ...go("Weighted, uncontended", "WeightedUncontended", besides),
    ...go("channel semaphore, 8×3, empty body", "Channel8x3Empty", besides),
    ...go("reentrant semaphore, 8×3, empty body", "Reentrant8x3Empty", besides),
    ...go("reentrant semaphore, 8×3, body yields", "Reentrant8x3Yield", besides),
    ...go("reentrant semaphore with known id, 8×3, body yields", "ReentrantKnownID8x3Yield", besides),
  ],
  targets: pairs.map(([text, id, marks]) => ({
    text: `ahead of Go: ${text}`,
    ours: id,
    marks: marks.flatMap((mark) => [`Go: ${mark}, 1 core`, `Go: ${mark}, all cores`]),
    below: 1,
  })),
};
