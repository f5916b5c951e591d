import { ChaosRefusal, toEndpoint } from "../targets.ts";
import type { Engine } from "./engine.ts";
import { faultFields, nothing, targetFields } from "./engine.ts";
import { toxicsOf } from "./toxics-of.ts";
import { reasonOf } from "../probes/probe.ts";
import type { FaultConfig } from "../../config/chaos-section.ts";

/** What is refused by it and not by our own. */
const limits =
  "toxiproxy-server knows latency, jitter, bandwidth and reset, in whole milliseconds and kilobytes per second: the rest needs snowshed gate chaos proxy";

interface Target {
  readonly api: URL;
  readonly proxies: readonly string[];
}

/** A Toxiproxy, or `snowshed gate chaos proxy`, that runs already: `target: { url, proxies: [names] }`. */
export const toxiproxyEngine: Engine = {
  missing: async (fault) => {
    const { api } = targetOf(fault);
    try {
      await request(api, "GET", "version");
      return null;
    } catch (error) {
      return `no Toxiproxy answers at ${api.origin} (${reasonOf(error)}): start toxiproxy-server, or snowshed gate chaos proxy`;
    }
  },
  plan: async (fault, { experiment, allowed }) => {
    const { api, proxies } = targetOf(fault);
    const fields = faultFields(fault);
    const toxics = toxicsOf(fault, fields, `snowshed-${experiment}`);
    fields.end();
    allowed.endpoint(toEndpoint(api.port === "" ? `${api.hostname}:80` : api.host, "target.url"));
    const check = async (): Promise<void> => {
      for (const name of proxies) {
        const { upstream } = (await request(api, "GET", path(name))) as { readonly upstream?: unknown };
        allowed.endpoint(toEndpoint(upstream, `the upstream of the proxy ${name}`));
      }
    };
    const all = proxies.flatMap((name) => toxics.map((toxic) => ({ name, toxic })));
    return {
      description: `${fault.kind} at the proxies ${proxies.join(", ")} of ${api.origin}`,
      steps: all.map(({ name, toxic }) => `POST ${new URL(`${path(name)}/toxics`, api).href} ${JSON.stringify(toxic)}`),
      undo: all.map(({ name, toxic }) => ({
        kind: "http",
        method: "DELETE",
        url: new URL(`${path(name)}/toxics/${toxic.name}`, api).href,
      })),
      // Where its proxies lead is known only when it is asked.
      prepare: check,
      inject: async () => {
        await check();
        for (const { name, toxic } of all) await request(api, "POST", `${path(name)}/toxics`, toxic);
      },
      heal: nothing,
      close: nothing,
    };
  },
};

function path(name: string): string {
  return `proxies/${encodeURIComponent(name)}`;
}

function targetOf(fault: FaultConfig): Target {
  const fields = targetFields(fault);
  const url = fields.optionalText("url") ?? "http://127.0.0.1:8474";
  const proxies = fields.texts("proxies");
  fields.end();
  const api = URL.canParse(url) ? new URL(url) : null;
  if (api?.protocol !== "http:" || proxies === undefined) {
    throw new ChaosRefusal("the target of the engine toxiproxy is { url: http://host:port, proxies: [names] }");
  }
  return { api, proxies };
}

async function request(api: URL, method: string, where: string, body?: object): Promise<unknown> {
  const response = await fetch(new URL(where, api), {
    method,
    signal: AbortSignal.timeout(10_000),
    redirect: "error",
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) {
    const why = method === "POST" && response.status === 400 ? `; ${limits}` : "";
    throw new Error(`${method} /${where}: ${response.status} ${text.trim().slice(0, 200)}${why}`);
  }
  return text === "" ? null : (JSON.parse(text) as unknown);
}
