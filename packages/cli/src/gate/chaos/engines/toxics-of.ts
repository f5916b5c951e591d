import type { FaultConfig } from "../../config/chaos-section.ts";
import type { Fields } from "../probes/fields.ts";
import type { Stream, Toxic, ToxicType } from "../toxics.ts";
import { ChaosRefusal } from "../targets.ts";
import { notOf, positive } from "./engine.ts";

/** The toxics that make a fault on a proxy; their names begin with `prefix`. */
export function toxicsOf(fault: FaultConfig, fields: Fields, prefix: string): readonly Toxic[] {
  const { kind } = fault;
  const stream = (fields.optionalText("stream") ?? "downstream") as Stream;
  if (stream !== "upstream" && stream !== "downstream") throw new ChaosRefusal("stream must be upstream or downstream");
  const toxicity = fields.number("toxicity", 1);
  if (toxicity > 1) throw new ChaosRefusal("toxicity must be from 0 to 1");
  const make = (type: ToxicType, attributes: Toxic["attributes"], way: Stream = stream): Toxic => {
    return { name: `${prefix}-${type}-${way}`, type, stream: way, toxicity, attributes };
  };
  const connectMs = fields.number("connectLatencyMs", 0);
  const slow = connectMs > 0 ? [make("connect_latency", { latency: connectMs })] : [];
  return [...slow, ...main()];

  function main(): readonly Toxic[] {
    switch (kind) {
      case "latency":
        return [make("latency", { latency: positive(fields, "delayMs", kind), jitter: fields.number("jitterMs", 0) })];
      case "jitter": {
        const jitter = positive(fields, "jitterMs", kind);
        return [make("latency", { latency: fields.number("delayMs", jitter), jitter })];
      }
      case "loss":
        return [make("loss", { percent: positive(fields, "percent", kind), hold: fields.number("holdMs", 200) })];
      case "bandwidth":
        return [make("bandwidth", { rate: positive(fields, "bytesPerSecond", kind) / 1000 })];
      case "reset":
        return [make("reset_peer", { timeout: fields.number("delayMs", 0) })];
      case "half-open":
        return [make("half_open", {}, "upstream")];
      case "black-hole": {
        const kill = fields.flag("killAtHeal") ? 1 : 0;
        return [make("black_hole", { kill }, "upstream"), make("black_hole", { kill }, "downstream")];
      }
      case "kill":
      case "pause":
        throw notOf(fault);
    }
  }
}
