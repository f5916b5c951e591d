import type { ProbeConfig } from "../../config/chaos-section.ts";
import { ChaosRefusal } from "../targets.ts";
import { lagProbe, progressProbe, stableProbe } from "./kafka.ts";
import { brokerProbe, commandProbe, httpProbe, prometheusProbe, tcpProbe } from "./network.ts";
import type { Bounds, Probe, ProbeContext, ProbeFactory } from "./probe.ts";
import { boundsOf, isBound } from "./probe.ts";
import { etcdProbe, redisProbe } from "./stores.ts";

const factories: Readonly<Record<string, ProbeFactory>> = {
  tcp: tcpProbe,
  http: httpProbe,
  prometheus: prometheusProbe,
  command: commandProbe,
  redis: redisProbe,
  etcd: etcdProbe,
  "broker-rtt": brokerProbe,
  "consumer-progress": progressProbe,
  "lag-decreasing": lagProbe,
  "group-stable": stableProbe,
};

/** A probe with what its answers are compared with. */
export interface BoundProbe {
  readonly probe: Probe;
  readonly bounds: Bounds;
}

/** @throws ChaosRefusal for one that is not known, or with fields it does not have. */
export function makeProbe(config: ProbeConfig, context: ProbeContext): BoundProbe {
  const factory = Object.hasOwn(factories, config.probe) ? factories[config.probe] : undefined;
  if (factory === undefined) {
    throw new ChaosRefusal(
      `there is no probe ${JSON.stringify(config.probe)}; known: ${Object.keys(factories).join(", ")}`,
    );
  }
  const tolerance = config["tolerance"];
  for (const [key, value] of Object.entries(boundsOf(config))) {
    if (typeof value !== (key === "fails" ? "boolean" : "number")) {
      throw new ChaosRefusal(`probe ${config.probe}: ${key} must be a ${key === "fails" ? "true or false" : "number"}`);
    }
  }
  if (tolerance !== undefined) {
    const unknown = Object.keys(Object(tolerance) as object).filter((key) => !isBound(key));
    if (typeof tolerance !== "object" || unknown.length > 0) {
      throw new ChaosRefusal(`probe ${config.probe}: tolerance has no ${unknown.join(", ")}`);
    }
  }
  return { probe: factory(config, context), bounds: boundsOf(config) };
}
