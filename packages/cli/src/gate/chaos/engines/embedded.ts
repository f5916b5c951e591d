import process from "node:process";
import { startTime } from "../processes.ts";
import { FaultProxy } from "../proxy.ts";
import type { Endpoint } from "../targets.ts";
import { ChaosRefusal, endpointText, isLoopback, toEndpoint } from "../targets.ts";
import type { Engine } from "./engine.ts";
import { faultFields } from "./engine.ts";
import { toxicsOf } from "./toxics-of.ts";

interface Pair {
  readonly listen: Endpoint;
  readonly upstream: Endpoint;
}

/**
 * Proxies in this process, of which the clients are to use `listen`. They end with the process, and so does the fault.
 */
export const embeddedEngine: Engine = {
  missing: async () => null,
  plan: async (fault, { experiment, allowed }) => {
    const fields = faultFields(fault);
    const pairs = pairsOf(fault.target, fields.optionalText("listen"));
    const toxics = toxicsOf(fault, fields, experiment);
    fields.end();
    for (const { listen, upstream } of pairs) {
      allowed.endpoint(upstream);
      if (!isLoopback(listen.host)) throw new ChaosRefusal("a proxy listens on loopback only");
    }
    const proxies = pairs.map(({ listen, upstream }) => new FaultProxy(listen, upstream));
    return {
      description: `${fault.kind} in front of ${pairs.map(({ upstream }) => endpointText(upstream)).join(", ")}`,
      steps: [
        ...pairs.map(({ listen, upstream }) => `a proxy at ${endpointText(listen)} for ${endpointText(upstream)}`),
        ...toxics.map(({ type, stream, attributes }) => `${type} ${stream} ${JSON.stringify(attributes)}`),
      ],
      undo: [{ kind: "process", pid: process.pid, startTime: startTime(process.pid) ?? "" }],
      prepare: async () => {
        await Promise.all(proxies.map((proxy) => proxy.start()));
      },
      inject: async () => {
        for (const proxy of proxies) for (const toxic of toxics) proxy.add(toxic);
      },
      heal: async () => {
        for (const proxy of proxies) proxy.removeAll();
      },
      close: async () => {
        await Promise.all(proxies.map((proxy) => proxy.stop()));
      },
    };
  },
};

/** `target: 127.0.0.1:6379` with `listen` beside it, or `target: { proxies: [{ listen, upstream }, …] }`. */
function pairsOf(target: string | Readonly<Record<string, unknown>>, listen: string | undefined): readonly Pair[] {
  if (typeof target === "string") {
    if (listen === undefined)
      throw new ChaosRefusal("the engine embedded needs listen: the host:port that clients are to use");
    return [{ listen: toEndpoint(listen, "listen"), upstream: toEndpoint(target, "target") }];
  }
  const { proxies, ...others } = target;
  if (!Array.isArray(proxies) || proxies.length === 0 || Object.keys(others).length > 0) {
    throw new ChaosRefusal("the target of the engine embedded is host:port, or has proxies: [{ listen, upstream }]");
  }
  return (proxies as readonly unknown[]).map((each) => {
    const pair = Object(each) as Readonly<Record<string, unknown>>;
    return { listen: toEndpoint(pair["listen"], "listen"), upstream: toEndpoint(pair["upstream"], "upstream") };
  });
}
