// What each limit algorithm makes of an avalanche: `node bench/overload/simulate.mjs [--shape x] [--algorithm y]
// [--seed n] [--queue 100] [--scale 1] [--held-out | --unseen] [--oracle] [--json]`. Virtual time: the same on every machine. Needs
// the library built: `npm run build`.
import { parseArgs } from "node:util";
import { ours } from "../ours.mjs";
import { limited, open } from "./simulation/admission.mjs";
import { findOracle, oracleLimits } from "./simulation/oracle.mjs";
import { heldOut, shapes, unseen } from "./simulation/shapes.mjs";
import { simulate } from "./simulation/simulation.mjs";
import { avalanche } from "./simulation/timeline.mjs";

const { values } = parseArgs({
  options: {
    shape: { type: "string", default: "" },
    algorithm: { type: "string" },
    seed: { type: "string", default: "1" },
    queue: { type: "string", default: "100" },
    scale: { type: "string", default: "0.5" },
    "held-out": { type: "boolean", default: false },
    unseen: { type: "boolean", default: false },
    oracle: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const library = await ours("Limiter", "gradient", "aimd", "vegas", "errorRate", "fixed");
const maxQueue = values.queue === "limit" ? "limit" : Number(values.queue);
const list = values.unseen ? unseen : values["held-out"] ? heldOut : shapes;
const chosen = list.filter(({ name }) => name.includes(values.shape));

if (values.oracle) {
  for (const shape of chosen) console.log(`  "${shape.name}": ${await findOracle(library, shape, maxQueue)},`);
} else {
  const algorithms = {
    none: () => open,
    "fixed 32": () => limited(library, () => library.fixed(32), maxQueue),
    oracle: (shape) => limited(library, () => library.fixed(oracleLimits[shape.name] ?? shape.slots), maxQueue),
    article: () => limited(library, () => library.errorRate({ preset: "article" }), 0),
    errorRate: () => limited(library, () => library.errorRate(), maxQueue),
    aimd: () => limited(library, () => library.aimd({ timeout: "500ms" }), maxQueue),
    vegas: () => limited(library, () => library.vegas(), maxQueue),
    gradient: () => limited(library, () => library.gradient(), maxQueue),
  };
  const rows = [];
  for (const [algorithm, admission] of Object.entries(algorithms)) {
    if (values.algorithm !== undefined && values.algorithm !== algorithm) continue;
    for (const shape of chosen) {
      const seed = Number(values.seed);
      const { parts, recoveries } = await simulate({
        shape,
        timeline: avalanche(Number(values.scale)),
        admission: admission(shape),
        seed,
      });
      const { half, peak, normal, after } = parts;
      rows.push({
        algorithm,
        shape: shape.name,
        "good at 3x %": round(100 * peak.goodput),
        "p99 / unloaded": round(peak.p99 / shape.p99),
        "limit / slots": round(peak.limit / shape.slots),
        "back after overload, s": recoveries.overload,
        "back after fault, s": recoveries.fault,
        "shed at 0.5x %": round(100 * half.shed),
        "shed at 0.7x %": round(100 * normal.shed),
        "after the fault %": round(100 * after.shed),
      });
    }
  }
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else {
    console.table(rows);
    console.table(Object.keys(algorithms).flatMap((algorithm) => summary(algorithm, rows)));
  }
}

/** Mean and worst of an algorithm. */
function summary(algorithm, rows) {
  const own = rows.filter((row) => row.algorithm === algorithm);
  if (own.length === 0) return [];
  const of = (name) => own.map((row) => row[name]);
  const mean = (numbers) => round(numbers.reduce((sum, value) => sum + value, 0) / numbers.length);
  const good = of("good at 3x %");
  const shed = own.map((row) => Math.max(row["shed at 0.7x %"], row["after the fault %"]));
  return {
    algorithm,
    "good at 3x %, mean": mean(good),
    worst: Math.min(...good),
    "at least 90 %": `${good.filter((value) => value >= 90).length}/${good.length}`,
    "p99 / unloaded, worst": Math.max(...of("p99 / unloaded")),
    "back in 5 s after overload": of("back after overload, s").filter((value) => value <= 5).length,
    "back in 10 s after fault": of("back after fault, s").filter((value) => value <= 10).length,
    "shed at 0.7x %, mean": mean(shed),
    "worst shed": Math.max(...shed),
  };
}

function round(value) {
  return Math.round(10 * value) / 10;
}
